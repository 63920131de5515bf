"""The layers of networks, by name and kind; those of the built-in ones without building them.

Knowing them needs no torch: a study is checked, and its cost told, before anything is imported.
"""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# Words a study may use for groups of layers, beside the kinds themselves and name patterns.
GROUPS = {"all": "*", "residual": "add"}
# The layer of the built-in networks that gives the logits.
LOGITS = "dense"
# Why a layer that was read out has no values.
CONSTANT, BROKEN = "constant over the probe set", "not finite"


class Layer(NamedTuple):
    """One operation of a network."""

    name: str
    kind: str


def layers_of(model: Mapping) -> list[Layer]:
    """Every operation of the network that the `model` part of a spec describes, in the order in
    which it runs: 3.5 (depth - 2) + 9 of them for a ResNet, as in the paper's heat maps."""
    residual = model["architecture"] == "resnet"
    found = [("input", "input"), ("conv", "conv"), ("bn", "bn"), ("relu", "relu")]
    for stage in (1, 2, 3):
        for block in range(1, (model["depth"] - 2) // 6 + 1):
            operations = [("conv1", "conv"), ("bn1", "bn"), ("relu1", "relu"), ("conv2", "conv")]
            if residual and stage > 1 and block == 1:
                operations.append(("shortcut", "projection"))
            operations.append(("bn2", "bn"))
            if residual:
                operations.append(("add", "add"))
            operations.append(("relu2", "relu"))
            found += [(f"stage{stage}.block{block}.{name}", kind) for name, kind in operations]
    found += [("pool", "pool"), ("flatten", "flatten"), (LOGITS, "dense")]
    return [Layer(*item) for item in found]


def numbered(module: str, call: int) -> str:
    """The layer that the `call`-th run of a module in one pass gives: `relu`, then `relu:2`."""
    return module if call == 1 else f"{module}:{call}"


def module_and_call(layer: str) -> tuple[str, int]:
    """The module that gives a layer, and which of its runs does: `relu:2` is (`relu`, 2)."""
    module, _, call = layer.rpartition(":")
    return (module, int(call)) if module and call.isdigit() else (layer, 1)


def select(candidates: Sequence[Layer], wanted: Sequence[str]) -> list[int]:
    """Indices of the candidates that any entry of `wanted` names, in network order.

    An entry is a group (`all`, `residual`), a kind (`relu`, `conv`, `bn`, `add`, ...) or a pattern
    of names (`stage2.*.relu2`). Raises ValueError when an entry matches nothing.
    """
    kinds = {layer.kind for layer in candidates}
    chosen: set[int] = set()
    for entry in wanted:
        key = GROUPS.get(entry, entry)
        matched = {
            index
            for index, layer in enumerate(candidates)
            if (layer.kind == key if key in kinds else fnmatch.fnmatchcase(layer.name, key))
        }
        if not matched:
            raise ValueError(
                f"{entry!r} matches no layer; accepted are {', '.join(GROUPS)}, a kind "
                f"({', '.join(sorted(kinds))}) or a pattern of names such as 'stage2.*.relu2'"
            )
        chosen |= matched
    return sorted(chosen)


def select_present(candidates: Sequence[Layer], wanted: Sequence[str]) -> list[int]:
    """As `select`, but an entry may match nothing: a study's networks need not all have the layers
    that it names (a network without residual connections has no sums). Empty where none matches."""
    chosen: set[int] = set()
    for entry in wanted:
        try:
            chosen.update(select(candidates, [entry]))
        except ValueError:
            continue
    return sorted(chosen)
