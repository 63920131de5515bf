"""Text as wide as the terminal that it is printed on."""

import shutil
import textwrap
from collections.abc import Iterable

# Lines longer than this are hard to read, however wide the terminal.
WIDEST = 100


def width() -> int:
    """Columns to fill: those of the terminal, 80 where there is none."""
    return max(40, min(shutil.get_terminal_size().columns, WIDEST))


def points(texts: Iterable[str], mark: str = "- ") -> list[str]:
    """The texts as a list, each wrapped and indented under its mark."""
    return [
        textwrap.fill(
            text,
            width(),
            initial_indent=f"  {mark}",
            subsequent_indent=" " * (2 + len(mark)),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for text in texts
    ]
