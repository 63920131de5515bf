"""What stands in place of a figure for which the networks that completed give no data."""

import textwrap

import pandas as pd

from repatlas.catalogue import FIGURES
from repatlas.figures.style import GREY, SINGLE, Drawing, Sheet, style


def notice(name: str, reason: str) -> Drawing:
    """The reason as a picture, as data and as caption, so that a study whose networks diverged
    still ends with all its files, and each says what is wrong."""
    text = f"{FIGURES[name].title}: not drawn. {reason}"
    with style():
        lines = textwrap.wrap(text, 58)
        sheet = Sheet(SINGLE, 0.4 + 0.13 * len(lines))
        sheet.figure.text(0.06, 0.5, "\n".join(lines), va="center", color=GREY)
    return Drawing(sheet.figure, pd.DataFrame({"not_drawn": [reason]}), text)
