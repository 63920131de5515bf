"""The pages and captions of a study's report, and its opening text."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import yaml

from repatlas import labels
from repatlas.catalogue import FIGURES
from repatlas.durations import spoken
from repatlas.files import read_json, write_text
from repatlas.report import page, restructured
from repatlas.report.findings import findings
from repatlas.report.tables import described, known
from repatlas.results import StudyResults

# A page shows no more rows: a report is one file, and tables of layers have millions of rows.
ROWS = 500


def write_pages(
    study: StudyResults, figures: Iterable[Path], tables: Iterable[Path], output: Path
) -> None:
    """Write the opening text, and a page with its caption for each figure (an SVG file with its
    caption beside it), for each table and for the record of the run, below the folder `output`."""
    _opening(study, output / "overview.rst")
    for path in figures:
        _figure(path, output / "figures" / path.stem)
    for path in tables:
        _table(path, output / "tables" / path.stem)
    _cost(study, output / "cost")
    _configuration(study, output / "configuration")
    _software(study, output / "software")


def _opening(study: StudyResults, path: Path) -> None:
    settings, runs = study.config, study.runs
    values = {axis: sorted(runs[axis].dropna().unique()) for axis in study.design}
    axes = [
        f"{axis} {', '.join(labels.tick(axis, value) for value in found)}"
        for axis, found in values.items()
        if len(found) > 1
    ]
    training, measures = settings["training"], ", ".join(map(labels.measure, settings["measures"]))
    paragraphs = [
        f"{labels.count(len(runs), 'network')}"
        + (f" over {'; '.join(axes)}" if axes else "")
        + ". What was found, in numbers:",
        f"Training: {training['epochs']} epochs of SGD in batches of {training['batch_size']}, "
        f"learning rate {training['learning_rate']:g} ({training['schedule']}), momentum "
        f"{training['momentum']:g}, l2 {training['l2']:g}, unless the grid or an override says "
        f"otherwise. Read out on {labels.probes(runs)}. Measures: "
        f"{measures}.",
        "Every figure and table is in the menu, with a caption of what it shows and of its actual "
        "settings; so are the cost of the run, its configuration and the software behind it. The "
        "files themselves lie beside this report.",
    ]
    title = settings["title"] or study.name
    write_text(path, restructured.document(title, paragraphs, findings(study)))


def _write(stem: Path, caption: str, document: str) -> None:
    write_text(stem.with_name(f"{stem.name}.rst"), restructured.literal(caption) + "\n")
    write_text(stem.with_name(f"{stem.name}.html"), document)


def _figure(path: Path, stem: Path) -> None:
    caption = path.with_suffix(".txt").read_text(encoding="utf-8").strip()
    others = f"The same as figures/{path.stem}.png and .pdf, its data as .parquet."
    picture = page.picture(path.read_text(encoding="utf-8"))
    title = FIGURES[path.stem].title if path.stem in FIGURES else path.stem
    parts = picture, page.paragraph(caption), page.paragraph(others)
    _write(stem, caption, page.page(title, *parts))


def _table(path: Path, stem: Path) -> None:
    frame, n_rows = _head(path)
    size = f"{labels.count(n_rows, 'row')}, {labels.count(len(frame.columns), 'column')}"
    shown = "" if n_rows <= ROWS else f" The page shows the first {ROWS} rows."
    explained = " results/README.md explains its columns." if known(path.stem) else ""
    caption = f"{described(path.stem)}. {size}; the file is tables/{path.name}.{explained}{shown}"
    empty = "The table has no rows: the study has nothing that belongs in it."
    body = page.table(frame) if n_rows else page.paragraph(empty)
    _write(stem, caption, page.page(path.name, page.paragraph(f"{size}.{shown}"), body))


def _head(path: Path) -> tuple[pd.DataFrame, int]:
    """The first `ROWS` rows of a table, and how many it has."""
    if path.suffix == ".csv":
        frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
        return frame.head(ROWS), len(frame)
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(ROWS), None)
        empty = file.schema_arrow.empty_table().to_pandas()
        return (batch.to_pandas() if batch else empty), file.metadata.num_rows


def _cost(study: StudyResults, stem: Path) -> None:
    jobs = study.cost
    measured = jobs.dropna(subset=["seconds"])
    by_rule = [
        {
            "rule": rule,
            "jobs": len(of),
            "time, all jobs": spoken(of["seconds"].sum()),
            "longest job": spoken(of["seconds"].max()),
            "most memory (MB)": of["peak_memory_mb"].max(),
        }
        for rule, of in measured.groupby("rule", sort=False)
    ]
    missing = len(jobs) - len(measured)
    took, memory = spoken(measured["seconds"].sum()), measured["peak_memory_mb"].max()
    caption = (
        f"{labels.count(len(jobs), 'job')} that took {took} in all, added up over jobs that may "
        f"have run side by side; at most {memory:.0f} MB of memory at once. Networks that another "
        "study trained count with what they cost there."
    )
    if missing:
        caption += f" {labels.count(missing, 'job')} left no measurement and count nothing."
    body = page.paragraph(caption), page.table(pd.DataFrame(by_rule))
    _write(stem, caption, page.page("Cost of the run", *body))


def _configuration(study: StudyResults, stem: Path) -> None:
    text = yaml.safe_dump(study.config, sort_keys=False, allow_unicode=True)
    caption = f"The effective configuration of the study {study.name}, every default filled in."
    document = page.page("Configuration", page.paragraph(caption), page.preformatted(text))
    _write(stem, caption, document)


def _software(study: StudyResults, stem: Path) -> None:
    record = read_json(study.folder / "provenance.json")
    commit = record["commit"] or "outside a repository"
    changed = " with uncommitted changes" if record["uncommitted_changes"] else ""
    versions = {"repatlas": record["repatlas"], "python": record["python"], **record["packages"]}
    caption = f"repatlas {record['repatlas']}, commit {commit}{changed}; Python {record['python']}."
    parts = [
        page.paragraph(caption),
        page.table(pd.DataFrame(versions.items(), columns=["package", "version"])),
        page.heading("Where networks were trained"),
        page.table(pd.DataFrame(record["trained_on"])),
        page.heading("Where the study was made"),
        page.table(pd.DataFrame([record["machine"]])),
        page.heading("Data sets, with the checksum of what was trained, tested and compared on"),
        page.table(pd.DataFrame(record["datasets"].items(), columns=["data set", "sha256"])),
        page.heading("Checksum of the lock file"),
        page.paragraph(record["lock_sha256"] or "none"),
    ]
    _write(stem, caption, page.page("Software and hardware", *parts))
