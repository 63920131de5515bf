"""Similarity of neural network representations: every measure the literature uses, on arrays or on
the stores of a study.

    from repatlas.similarity import compare, compare_layers, similarity_table, MEASURES

Works without the rest of the workflow, and without torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repatlas.similarity.table import MEASURES, compare, compare_layers, similarity_table

__all__ = ["MEASURES", "compare", "compare_layers", "similarity_table"]


def __getattr__(name: str) -> Any:
    # On demand: the tile engine beside this file needs neither pandas nor the other measures.
    if name in __all__:
        from repatlas.similarity import table

        return getattr(table, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
