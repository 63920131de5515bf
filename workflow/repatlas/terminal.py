"""Text as wide as the terminal that it is printed on, and values typed there."""

import argparse
import json
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

# Lines longer than this are hard to read, however wide the terminal.
WIDEST = 100


def width() -> int:
    """Columns to fill: those of the terminal, 80 where there is none."""
    return max(40, min(shutil.get_terminal_size().columns, WIDEST))


def fill(text: str) -> str:
    """Paragraphs, which empty lines part, wrapped anew."""
    paragraphs = textwrap.dedent(text).strip().split("\n\n")
    return "\n\n".join(_wrapped(" ".join(p.split()), "", "") for p in paragraphs)


def fitted(text: str) -> str:
    """A message with its own line breaks; lines too wide are wrapped under their indentation."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        lines.append(_wrapped(line.strip(), indent, f"{indent}  ") if len(line) > width() else line)
    return "\n".join(lines)


def definitions(terms: Mapping[str, str]) -> list[str]:
    """Terms and their meanings in two columns."""
    column = max(map(len, terms)) + 4
    return [_wrapped(what, f"  {term}".ljust(column), " " * column) for term, what in terms.items()]


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text,
        width(),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def points(texts: Iterable[str], mark: str = "- ") -> list[str]:
    """The texts as a list, each wrapped and indented under its mark."""
    return [_wrapped(text, f"  {mark}", " " * (2 + len(mark))) for text in texts]


def json_argument(text: str) -> Any:
    """The value of an option that is given as JSON; argparse shows the error."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON ({error})") from error
