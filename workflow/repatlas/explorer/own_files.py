"""The page's own files, by content: a changed style or script makes the page anew."""

from importlib.resources import files

from repatlas.naming import digest


def own_files_digest() -> str:
    """Hex digest of the files in `assets`."""
    own = sorted((files("repatlas.explorer") / "assets").iterdir(), key=lambda path: path.name)
    return digest({path.name: path.read_text(encoding="utf-8") for path in own})
