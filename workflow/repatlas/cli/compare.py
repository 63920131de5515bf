"""Compare all layers of A with all layers of B and write a table and a heat map.

A and B are activation or Gram stores of repatlas (.zarr), folders of .npy files (one a layer), or
.npz files, each array of shape (examples, ...) on the same examples in the same order. Without B
the layers of A are compared with each other.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from repatlas.analysis.writing import write_csv
from repatlas.figures.matrix import draw_matrix
from repatlas.figures.style import beside, save, style
from repatlas.files import write_json
from repatlas.similarity.table import MEASURES, similarity_table
from repatlas.terminal import json_argument

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("a", metavar="A", type=Path, help="store, .npz, or folder of .npy or .npz")
    parser.add_argument("b", metavar="B", type=Path, nargs="?", help="likewise; default: A itself")
    parser.add_argument(
        "--measure", default="", help=f"one of {', '.join(MEASURES)}; default: by what A holds"
    )
    parser.add_argument(
        "--options", type=_options, default={}, help='of the measure, as JSON: {"keep": 0.95}'
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("comparison"),
        metavar="PREFIX",
        help="beginning of the files to write",
    )


def run(options: argparse.Namespace) -> None:
    """Compare, and write PREFIX.csv, PREFIX.json (what was compared, and how), PREFIX.png, .pdf,
    .svg, .parquet and .txt (the caption)."""
    measure = options.measure or ("cka_minibatch" if _holds_grams(options.a) else "cka")
    table = similarity_table(options.a, options.b, measure, **options.options)
    write_csv(table, beside(options.output, "csv"))
    sides = {"a": str(options.a), "b": str(options.b or options.a)}
    write_json(beside(options.output, "json"), {**sides, **table.attrs})
    with style():
        drawing = draw_matrix(table, measure, _name(options.a), _name(options.b or options.a))
    save(drawing, options.output)
    undefined = int(table["value"].isna().sum())
    log.info("%d pairs of layers by %s, %d undefined", len(table), measure, undefined)
    log.info("written: %s.{csv,json,png,pdf,svg,txt}", options.output)


def _options(text: str) -> dict[str, Any]:
    found = json_argument(text)
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'found {text!r}; a mapping like {{"keep": 0.95}} is due')
    return found


def _name(path: Path) -> str:
    """What a side is called: a store by its network; dots in a folder's name are kept."""
    if manifest := _manifest(path):
        return manifest["run"]
    return path.stem if path.suffix in (".zarr", ".npz") else path.name


def _holds_grams(path: Path) -> bool:
    return _manifest(path).get("kind") == "grams"


def _manifest(path: Path) -> dict[str, Any]:
    """A store's manifest; an empty one where there is no store."""
    from repatlas.stores import manifest_path, read_manifest

    return read_manifest(path) if manifest_path(path).exists() else {}
