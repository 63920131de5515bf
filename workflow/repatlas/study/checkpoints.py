"""Networks that are loaded from saved weights instead of being trained."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from repatlas.files import sha256_file
from repatlas.study.messages import Mistake

PLACE = ("model", "checkpoint")


class Checkpoint(NamedTuple):
    """A file of saved weights, and the SHA-256 of its content."""

    path: str
    digest: str


def checkpoints_of(
    cells: Sequence[Mapping[str, Any]],
) -> tuple[list[Checkpoint | None], list[Mistake]]:
    """The file that each network is loaded from, None for one that is trained; and what is wrong
    with them. `{seed}` and the like in a path stand for the network's own settings."""
    found: list[Checkpoint | None] = []
    mistakes: list[Mistake] = []
    for cell in cells:
        found.append(None)
        if cell["checkpoint"] is None:
            continue
        known = {k: v for k, v in cell.items() if isinstance(v, (str, int, float))}
        known |= {k: v for k, v in (cell["arguments"] or {}).items() if v is not None}
        try:
            path = cell["checkpoint"].format(**known)
        except (KeyError, IndexError, ValueError) as error:
            mistakes.append(
                Mistake(
                    PLACE,
                    f"found {cell['checkpoint']!r}, of which {error} cannot be filled in; accepted "
                    f"in braces are {', '.join(sorted(known))}",
                )
            )
            continue
        file = Path(path).expanduser()
        if not file.is_file():
            mistakes.append(Mistake(PLACE, f"{path} does not exist (looked for in {Path.cwd()})"))
            continue
        about = file.stat()
        found[-1] = Checkpoint(path, _digest(str(file.resolve()), about.st_size, about.st_mtime_ns))
    return found, mistakes


@lru_cache
def _digest(path: str, _size: int, _time: int) -> str:
    return sha256_file(Path(path))
