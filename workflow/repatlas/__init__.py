"""repatlas: do neural networks of different width, depth and seed learn the same things?

The library behind the Snakemake workflow of the same name. Data flows one way through its
modules: study -> data -> models -> training -> activations -> similarity -> analysis -> figures.
No module of the library knows Snakemake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from repatlas.results import StudyResults

__version__ = "0.1.0"
__all__ = ["load_study"]


def load_study(path: str | Path) -> StudyResults:
    """The results of a finished study; see :func:`repatlas.results.load_study`."""
    # Imported on call: `import repatlas` must stay light, every Snakemake job pays for it.
    from repatlas.results import load_study as load

    return load(path)
