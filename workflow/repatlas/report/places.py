"""Where the results of a study are, for those who have just made them."""

from pathlib import Path

_PLACES = {
    "report.html": "one page to send: figures, tables, cost, configuration, software",
    "explorer/index.html": "choose networks, see their layers side by side",
    "figures": "PNG, PDF and SVG, with plotted data and caption",
    "tables": "CSV and Parquet; results/README.md explains every column",
}


def places(folder: Path) -> list[str]:
    """A line for each part of the study in `folder` that is there."""
    return [
        f"{folder / name}: {what}" for name, what in _PLACES.items() if (folder / name).exists()
    ]
