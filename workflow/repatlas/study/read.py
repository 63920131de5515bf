"""The study's YAML files themselves: mistakes of writing, and on which line a key stands."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from repatlas.errors import ConfigError


def check_yaml(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a study's file, its writing checked.

    Raises ConfigError, with file, line and what to do, for a file that is missing or unreadable, is
    no YAML (tabs, unclosed brackets, ...), is empty or no mapping, has a key twice (YAML would
    silently take the last), or a key that is no text (`on`, `no` and numbers).
    """
    path = Path(path)
    text = _text(path)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(root, path)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(error, path, text)) from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {_KINDS.get(type(content), 'value')}"
        raise ConfigError(
            f"{shown_path(path)}: found {found} in it; accepted are `key: value` lines, at least "
            "`study` and `grid`."
        )
    return content


def lines_of(path: str | os.PathLike) -> dict[tuple[str | int, ...], int]:
    """The line of every key and list item of a YAML file, counted from 1; none if unreadable."""
    try:
        root = yaml.compose(_text(Path(path)), Loader=yaml.SafeLoader)
    except (ConfigError, yaml.YAMLError):
        return {}
    return dict(_walk(root, ()))


def shown_path(path: str | os.PathLike) -> str:
    """A path as messages show it: relative where it lies below the working directory."""
    path, here = Path(path), Path.cwd()
    return str(path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path)


_KINDS = {list: "list", str: "text", int: "number", float: "number", bool: "yes or no"}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{shown_path(path)} does not exist. The shipped studies are config/config.yaml and "
            "those in config/studies."
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{shown_path(path)} is no text file in UTF-8; save it as one.") from None
    except OSError as error:
        raise ConfigError(f"{shown_path(path)} cannot be read: {error.strerror}.") from None


def _syntax(error: yaml.YAMLError, path: Path, text: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    parts = [getattr(error, "context", None), getattr(error, "problem", None)]
    problem = ", ".join(filter(None, parts)) or str(error)
    if mark is None:
        return f"{shown_path(path)} is no YAML: {problem}."
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line:
        problem = "there is a tab; YAML is indented with blanks alone"
    advice = _ADVICE.get(getattr(error, "problem", None) or "", "")
    start = getattr(error, "context_mark", None)
    since = f" (since line {start.line + 1})" if start and start.line < mark.line else ""
    where = f"{shown_path(path)}, line {mark.line + 1}"
    return f"{where}: {problem}{since}.{advice}\n  {line.strip()}".rstrip()


_ADVICE = {
    "mapping values are not allowed here": " Put quotes around text that contains a colon, or "
    "correct the indentation."
}


def _check_keys(node: yaml.Node | None, path: Path) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, path)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        where = f"{shown_path(path)}, line {line}"
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if key.tag != "tag:yaml.org,2002:str":
            raise ConfigError(
                f"{where}: the key `{key.value}` is no text to YAML; accepted are names of "
                "settings."
            )
        if key.value in seen:
            raise ConfigError(
                f"{where}: the key `{key.value}` stands twice (first on line {seen[key.value]}); "
                "YAML would take the last one. Take one out."
            )
        seen[key.value] = line
        _check_keys(value, path)


def _walk(
    node: yaml.Node | None, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if path and node is not None:
        yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, (*path, number))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, key.value)
            # The key's line, where the value starts on a later one.
            yield from _walk(value, inner)
            yield inner, key.start_mark.line + 1
