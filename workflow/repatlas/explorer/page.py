"""The whole page: its own files, the plotting library beside them, and the study's pieces."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from repatlas.explorer import overview
from repatlas.explorer.images import write_dividing, write_dominant
from repatlas.explorer.networks import same_layer, write_matches, write_networks
from repatlas.explorer.pieces import Pieces
from repatlas.explorer.similarity import SimilarityPieces, comparisons
from repatlas.files import disk_full_is_named
from repatlas.results import StudyResults


def write_page(results: StudyResults, title: str, output: Path) -> None:
    """Write the page of a study to the folder `output`, which is whole or absent.

    Parameters
    ----------
    results : the study, whose tables are all that is read (and the names of its networks' files)
    title : the study's title, may be empty
    output : the page's folder; what was there is replaced
    """
    output = output.resolve()
    with disk_full_is_named(output):
        partial = output.with_name(f".{output.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _write(results, title, output, partial)
            shutil.rmtree(output, ignore_errors=True)
            partial.rename(output)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _write(results: StudyResults, title: str, output: Path, folder: Path) -> None:
    with as_file(files("repatlas.explorer") / "assets") as assets:
        shutil.copytree(assets, folder / "assets")
    (folder / "assets" / "index.html").rename(folder / "index.html")
    pieces = Pieces(folder / "data")
    measures = [overview.measure(name) for name in _write_similarity(results, pieces)]
    write_networks(results, pieces)
    content = overview.overview(results, title, output)
    content |= {
        "measures": measures,
        "kinds": overview.kinds(results),
        "start": overview.start(results),
        "matches": write_matches(results, pieces),
        "dominant": write_dominant(results, pieces),
        "dividing": write_dividing(results, pieces),
    }
    pieces.write("study", content)


def _write_similarity(results: StudyResults, pieces: Pieces) -> list[str]:
    """Write all comparisons; the measures in the order in which the tables have them."""
    numbers = {run: number for number, run in enumerate(results.runs["run"])}
    across = same_layer(results)
    writers: dict[str, SimilarityPieces] = {}
    maps = [name for name in overview.MAPS if results.has(name)]
    for table, name in [("layer_similarity", None), *((name, name) for name in maps)]:
        for found in comparisons(results.path(table), name):
            if found.measure not in writers:
                folder = overview.measure(found.measure)["folder"]
                writers[found.measure] = SimilarityPieces(pieces, folder, numbers)
            writers[found.measure].add(found)
    for measure, writer in writers.items():
        writer.finish({"same_layer": across.get(measure, {})})
    return list(writers)
