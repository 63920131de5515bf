"""Code of the user's own, named in a study as `FILE.py:NAME` or `MODULE:NAME`.

A relative file starts where the workflow runs, as all paths of a study do. What a file imports may
lie beside it; a module may lie in the working folder or be installed.
"""

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from repatlas.errors import ConfigError, did_you_mean

# A file or a dotted module, then the name of something in it.
PATTERN = r"^([^:]+\.py|[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):[A-Za-z_]\w*$"
MOST_NAMED = 10  # of what a module has, where a name is not among it
ACCEPTED = "your own as FILE.py:NAME or MODULE:NAME"


class Reference(NamedTuple):
    """Where a name of the user's code is: a file or a module, and the name in it."""

    place: str
    name: str

    @property
    def is_file(self) -> bool:
        """Whether the place is a file."""
        return self.place.endswith(".py")

    @property
    def file(self) -> Path:
        """The file, where the place is one."""
        return Path(self.place).expanduser()


def is_own(value: Any) -> bool:
    """Whether a value of a study names the user's own code, as no built-in name does."""
    return isinstance(value, str) and ":" in value


def reference(text: str) -> Reference:
    """`my_networks.py:SmallNet` in its two parts."""
    place, _, name = text.rpartition(":")
    return Reference(place, name)


def short(text: str) -> str:
    """The name alone: `SmallNet` of `my_networks.py:SmallNet`, and a built-in name as it is."""
    return text.rpartition(":")[2]


def load(text: str) -> Any:
    """What `text` names, imported.

    ConfigError where the file, the module or the name is missing, or its code raises.
    """
    place, name = where = reference(text)
    if where.is_file and not where.file.is_file():
        raise ConfigError(f"{place} does not exist (looked for in {Path.cwd()})")
    try:
        module = _from_file(where.file) if where.is_file else _by_name(place)
    except ModuleNotFoundError as error:
        hint = "" if where.is_file else f" (looked for in {Path.cwd()} and among what is installed)"
        raise ConfigError(f"{place} cannot be imported: {error}{hint}") from error
    except Exception as error:
        raise ConfigError(f"{place} cannot be imported: {told(error)}") from error
    if not hasattr(module, name):
        known = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        listed = sorted(known)[:MOST_NAMED]
        more = f", and {len(known) - len(listed)} more" if len(known) > len(listed) else ""
        raise ConfigError(
            f"{place} has no {name!r}; it has {', '.join(listed) or 'nothing'}{more}"
            f"{did_you_mean(name, known)}"
        )
    return getattr(module, name)


def told(error: BaseException) -> str:
    """An error of the user's code in one line, with the line of code that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    # The last frame outside this package; what lies deeper is some library's.
    ours = str(Path(__file__).parent)
    theirs = [f for f in frames if not f.filename.startswith((ours, "<frozen"))]
    at = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {error}{at}"


def _by_name(module: str) -> Any:
    _let_import(Path.cwd())
    return importlib.import_module(module)


def _from_file(file: Path) -> Any:
    """The module in `file`, under a name that no installed module has."""
    name = f"_own_{file.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(file.resolve()):
        return known
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickles look their module up while it is being made.
    sys.modules[name] = module
    try:
        _let_import(file.resolve().parent)
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _let_import(folder: Path) -> None:
    """Let what lies in `folder` be imported, now and later: code may import when it runs."""
    if str(folder) not in sys.path:
        # At the end: a file of the user's never takes the place of an installed module.
        sys.path.append(str(folder))
