"""Two stores can be compared only if their networks were probed in the same way."""

from collections.abc import Sequence

from repatlas.errors import StoreError

MUST_AGREE = (
    ("probe", "probe set, or the order of its examples,"),
    ("batch_size", "batch size"),
    ("passes", "number of passes"),
    ("n_batches", "number of batches"),
    ("n_examples", "number of examples"),
)


def check_alike(sources: Sequence[object], names: Sequence[str]) -> None:
    """StoreError, saying what differs and between which, unless all sources agree.

    Compared is what each pair of sources states: `probe`, `batch_size`, `passes`, `n_batches`,
    `n_examples`; `probe_members`, where both state it, tells other examples from another order.
    """
    differences = []
    for attribute, what in MUST_AGREE:
        stated = [
            (name, source)
            for source, name in zip(sources, names, strict=True)
            if hasattr(source, attribute)
        ]
        for name, source in stated[1:]:
            first_name, first = stated[0]
            one, other = getattr(first, attribute), getattr(source, attribute)
            if one != other:
                told = _probe_set_or_order(first, source) if attribute == "probe" else ""
                differences.append(
                    f"the {told or what} differs: {one} in {first_name}, {other} in {name}"
                )
                break
    if differences:
        raise StoreError(
            "These cannot be compared: " + "; ".join(differences) + ".\nA similarity is of what "
            "two networks compute on the same examples, in the same order and batches: extract "
            "both alike."
        )


def _probe_set_or_order(first: object, other: object) -> str:
    """Which of the two differs; "" where it is not known."""
    members = getattr(first, "probe_members", None), getattr(other, "probe_members", None)
    if None in members:
        return ""
    return "order of the probe set's examples" if members[0] == members[1] else "probe set"
