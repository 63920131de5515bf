"""A page of HTML that is whole in itself: headings, paragraphs, tables, pictures, plain text."""

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd

# Light alone, as the report around it.
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #18181b; background: #fff; margin: 1.2rem }
h1 { font-size: 1.15rem; margin: 0 0 .4rem }
h2 { font-size: 1rem; margin: 1.4rem 0 .4rem }
p { max-width: 60rem; margin: 0 0 .8rem }
svg { zoom: 1.6; max-width: 100%; height: auto; display: block; margin: 0 0 .6rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #d4d4d8; text-align: left;
  white-space: nowrap }
th { position: sticky; top: 0; background: #f4f4f5 }
td.number { text-align: right }
pre { font: 13px/1.4 ui-monospace, monospace; white-space: pre-wrap }
"""


def page(title: str, *parts: str) -> str:
    """The document of `parts`, each already HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def heading(text: str) -> str:
    """A heading within the page."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraph(text: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def preformatted(text: str) -> str:
    """Text with its line breaks, in a fixed-width face."""
    return f"<pre>{html.escape(text)}</pre>"


def picture(svg: str) -> str:
    """A picture, given as the text of an SVG file."""
    return svg[svg.index("<svg") :]


def table(frame: pd.DataFrame) -> str:
    """All rows of a frame; numbers to four digits, on hover as they are stored."""
    numeric = [bool(pd.api.types.is_numeric_dtype(frame[c])) for c in frame.columns]
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in frame.columns)
    rows = [_row(values, numeric) for values in frame.itertuples(index=False, name=None)]
    return (
        f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "</tbody></table>"
    )


def _row(values: Sequence, numeric: Sequence[bool]) -> str:
    cells = []
    for value, number in zip(values, numeric, strict=True):
        text, stored = _shown(value), _stored(value)
        hover = f' title="{html.escape(stored)}"' if stored != text else ""
        kind = ' class="number"' if number else ""
        cells.append(f"<td{kind}{hover}>{html.escape(text)}</td>")
    return f"<tr>{''.join(cells)}</tr>"


def _stored(value: object) -> str:
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


def _shown(value: object) -> str:
    if isinstance(value, float | np.floating) and not np.isnan(number := float(value)):
        return f"{number:.4g}" if abs(number) < 1e4 else f"{number:.0f}"
    return _stored(value)
