"""A digest of the user's own code, so that an edit reruns what uses it and nothing else.

What counts is what `repatlas.code` counts, the syntax tree without docstrings, of the file and of
every file that it imports from its own folder or package, or from the folder where Snakemake runs.
Installed packages count by their name alone: their versions are recorded with a study, as that of
every library is.
"""

import ast
import hashlib
import os
import site
import sysconfig
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from repatlas.code import syntax
from repatlas.own import Reference, reference


def own_digest(text: str, length: int = 16) -> str:
    """Hex digest of the code that `text` (`FILE.py:NAME` or `MODULE:NAME`) runs. Code that is not
    there counts as none: what needs it says so when it loads it."""
    hasher = hashlib.sha256(text.encode())
    for path, name in sorted(own_files(reference(text)).items(), key=lambda item: item[1]):
        hasher.update(f"\n{name}\n{_content(path)}".encode())
    return hasher.hexdigest()[:length]


def own_files(where: Reference) -> dict[Path, str]:
    """The user's files that importing `where` can load, with their paths from the folder that it is
    found in; none for an installed module."""
    start, first = _start(where)
    if start is None:
        return {}
    # Python looks in the folder where it runs, too.
    roots = list(dict.fromkeys([start, Path.cwd().resolve()]))
    found: dict[Path, str] = {}
    waiting = [(path, start) for path in first]
    while waiting:
        path, root = waiting.pop()
        if path in found:
            continue
        found[path] = Path(os.path.relpath(path, start)).as_posix()
        waiting += [
            (file, other)
            for name in _imports(path, root)
            for other in roots
            for file in _files(other, name)
        ]
    return found


def _content(path: Path) -> str:
    try:
        return syntax(path)
    except SyntaxError:
        # Whoever imports it is told where.
        return path.read_text(encoding="utf-8", errors="replace")


def _start(where: Reference) -> tuple[Path | None, list[Path]]:
    """The folder from which modules are found, and the files to begin with."""
    if where.is_file:
        file = where.file.resolve()
        return file.parent, [file] if file.is_file() else []
    top = where.place.partition(".")[0]
    # Asked of the top alone: finding what lies inside a package would run the package.
    found = find_spec(top) or PathFinder.find_spec(top, [str(Path.cwd())])
    if found is None:
        return None, []
    # A package is found as its folder, with or without an __init__.py, a module as its file.
    folders = found.submodule_search_locations
    place = next(iter(folders), None) if folders else found.origin
    if place is None:
        return None, []
    root = Path(place).resolve().parent
    if any(root.is_relative_to(folder) for folder in _installed()):
        return None, []
    return root, _files(root, where.place)


def _installed() -> Iterator[Path]:
    paths = sysconfig.get_paths()
    yield from (Path(paths[key]).resolve() for key in ("stdlib", "purelib", "platlib"))
    yield Path(site.getusersitepackages()).resolve()


def _files(root: Path, module: str) -> list[Path]:
    """The files that importing `module` from `root` runs: those of its packages, and its own."""
    parts, files = list(filter(None, module.split("."))), []
    for n in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:n])
        files += [f for f in (stem / "__init__.py", stem.with_suffix(".py")) if f.is_file()][:1]
    return files


def _imports(path: Path, root: Path) -> Iterator[str]:
    """Names of modules that `path` may import, relative ones spelled out."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(root).parts[: -node.level] if node.level else ()
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (".".join(filter(None, [base, alias.name])) for alias in node.names)
            yield base
