"""A digest of the code that a rule runs, so that changed code reruns exactly the rules that use it.

What counts is the syntax tree of every project module that an entry module imports, directly or
through others, without docstrings: comments, blank lines and documentation rerun nothing.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "repatlas"
# Left out: the package's own __init__, which only forwards to the results reader, the dispatcher of
# the command line, and the locks and the GPU that it takes. Every rule passes through them, none of
# them makes a number.
DOORS = {PACKAGE, *(f"{PACKAGE}.{module}" for module in ("cli", "locks", "gpus", "terminal"))}
ROOT = Path(__file__).resolve().parent


def code_digest(entry: str, length: int = 16) -> str:
    """Hex digest of the code of module `entry` (such as `repatlas.cli.train`) and of every module
    of this package that it imports, in or outside functions. Parent packages' own code counts as
    imported, as Python runs it. ModuleNotFoundError when there is no such module."""
    hasher = hashlib.sha256()
    for module in sorted(closure(entry)):
        hasher.update(f"{module}\n{syntax(_path(module))}\n".encode())
    return hasher.hexdigest()[:length]


def closure(entry: str) -> set[str]:
    """The project modules that importing `entry` can load, `entry` included."""
    found: set[str] = set()
    waiting = [entry]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        waiting += _imports(module)
    return found


def _path(module: str) -> Path:
    stem = ROOT.joinpath(*module.split(".")[1:])
    for candidate in (stem / "__init__.py", stem.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    raise ModuleNotFoundError(f"{module} is no module of {ROOT}")


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(_tree(_path(module))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name for name in names if name.split(".")[0] == PACKAGE and _is_module(name)}
    parts = module.split(".")
    # Importing a.b.c runs a and a.b first.
    ours |= {".".join(parts[:n]) for n in range(2, len(parts))}
    return tuple(sorted(ours - DOORS))


def _is_module(name: str) -> bool:
    try:
        _path(name)
    except ModuleNotFoundError:
        return False
    return True


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def syntax(path: Path) -> str:
    """The syntax tree of a source file as text, without docstrings. SyntaxError for other text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            # A text standing alone is a docstring, of a module, class, function or field.
            body[:] = [s for s in body if not _is_text(s)] or [ast.Pass()]
    return ast.dump(tree)


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
