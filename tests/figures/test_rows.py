"""Panels in rows: where they stand, and which of them name the axes."""

import pytest
from repatlas.figures.rows import Margins, Rows
from repatlas.figures.style import DOUBLE, SINGLE

MARGINS = Margins(0.5, 0.7, 0.1, 0.4, x_gap=0.2, y_gap=0.3)


def inches(rows, ax):
    """(left, top, width, height) of axes, from the upper left corner of the sheet."""
    box, (width, height) = ax.get_position(), rows.sheet.figure.get_size_inches()
    return (
        box.x0 * width,
        (1 - box.y1) * height,
        box.width * width,
        box.height * height,
    )


def test_panels_stand_in_rows_from_the_left_and_fill_the_page():
    rows = Rows(MARGINS, 5, 3, height=1.0, above=0.25)
    width = (DOUBLE - 0.5 - 0.7 - 2 * 0.2) / 3
    assert MARGINS.room(3) == pytest.approx(width)
    for number, ax in enumerate(rows.axes):
        row, column = divmod(number, 3)
        left, top = 0.5 + column * (width + 0.2), 0.1 + 0.25 + row * (1 + 0.25 + 0.3)
        assert inches(rows, ax) == pytest.approx((left, top, width, 1.0))
    expected = (DOUBLE, 0.1 + 2 * (1 + 0.25) + 0.3 + 0.4)
    assert tuple(rows.sheet.figure.get_size_inches()) == pytest.approx(expected)


def test_a_single_panel_fills_a_column_of_the_page():
    rows = Rows(MARGINS, 1, 1, height=1.0, above=0.25)
    assert rows.sheet.width == SINGLE
    assert inches(rows, rows.axes[0])[2] == pytest.approx(SINGLE - 0.5 - 0.7)


def test_panels_of_a_given_width_make_the_sheet_as_wide_as_they_need():
    rows = Rows(MARGINS, 4, 2, height=1.0, above=0.25, width=0.8)
    assert rows.sheet.width == pytest.approx(0.5 + 2 * 0.8 + 0.2 + 0.7)
    left, top, _, height = inches(rows, rows.scale_axes())
    assert left == pytest.approx(0.5 + 2 * 0.8 + 0.2 + 0.13)
    assert (top, height) == pytest.approx((0.1 + 0.25, 1.0))


def test_the_axes_are_named_below_and_at_the_left_of_what_has_no_neighbour_there():
    rows = Rows(MARGINS, 5, 3, height=1.0, above=0.25)
    rows.name_axes("below", "beside")
    rows.number_leftmost()
    assert [ax.get_xlabel() for ax in rows.axes] == ["", "", "below", "below", "below"]
    assert [ax.get_ylabel() for ax in rows.axes] == ["beside", "", "", "beside", ""]
    numbered = [ax.yaxis.get_tick_params()["labelleft"] for ax in rows.axes]
    assert numbered == [True, False, False, True, False]
