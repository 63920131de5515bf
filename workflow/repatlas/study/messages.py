"""What is wrong with a study, as people read it: where, what was found, what is accepted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repatlas.errors import ConfigError

NUMBER_AS_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
RATIO_AS_TEXT = re.compile(r"(\d+)\s*/\s*(\d+)")


@dataclass(frozen=True)
class Mistake:
    """One thing to correct. `path` leads to it through the file's keys and list positions."""

    path: tuple[str | int, ...]
    text: str

    @property
    def key(self) -> str:
        """The path as it is written in messages: `grid.depth.1`."""
        return ".".join(map(str, self.path)) or "(the whole file)"

    def __str__(self) -> str:
        return f"{self.key}: {self.text}"


class StudyError(ConfigError):
    """A study with mistakes; `mistakes` lists each once, in the order in which they were found."""

    def __init__(self, mistakes: Iterable[Mistake]):
        self.mistakes = tuple(dict.fromkeys(mistakes))
        super().__init__("\n".join(map(str, self.mistakes)))


def as_written(path: tuple[str | int, ...], config: Any) -> tuple[str | int, ...]:
    """`path` without positions in what `config` writes as one item instead of a list."""
    written: list[str | int] = []
    for part in path:
        if isinstance(part, int) and not isinstance(config, (list, Mapping)):
            continue
        written.append(part)
        inside = isinstance(config, Mapping) and part in config
        inside |= isinstance(config, list) and isinstance(part, int) and part < len(config)
        config = config[part] if inside else None
    return tuple(written)


def shown(value: Any) -> str:
    """A value as a message shows it: as in YAML, and never longer than 80 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        text = "{" + ", ".join(f"{k}: {shown(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        text = "[" + ", ".join(map(shown, value)) + "]"
    else:
        text = repr(value) if isinstance(value, (str, int, float)) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def listed(known: Iterable[str]) -> str:
    """' (accepted: A, B)', sorted."""
    return f" (accepted: {', '.join(sorted(known))})"


def number_as_text(found: Any) -> float | None:
    """The number that a text stands for: one that YAML reads as text, such as 1e-3 and 1/16, or
    one in quotes. None for other text and other values."""
    if not isinstance(found, str):
        return None
    if NUMBER_AS_TEXT.fullmatch(found):
        return float(found)
    ratio = RATIO_AS_TEXT.fullmatch(found)
    return int(ratio[1]) / int(ratio[2]) if ratio and int(ratio[2]) else None


def in_yaml(number: float) -> str:
    """A number as YAML 1.1 reads one: it wants a point before and a sign in an exponent."""
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    mantissa, _, exponent = repr(number).partition("e")
    if not exponent:
        return mantissa
    point = "" if "." in mantissa else ".0"
    sign = "" if exponent[0] in "+-" else "+"
    return f"{mantissa}{point}e{sign}{exponent}"
