"""The figure of layers that measures find in another seed."""

import pandas as pd
import pytest
from repatlas.errors import DataError
from repatlas.figures import draw


@pytest.mark.parametrize(
    "change", [lambda table: table[:0], lambda table: table.assign(accuracy=None)]
)
def test_without_two_seeds_to_compare_the_figure_says_so(study_of, change):
    study = study_of(depths=(8,), widths=(1.0,))
    path = study.folder / "tables" / "layer_matching.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(DataError, match="No layers to match: in the study made no two seeds"):
        draw("layer_matching", study)


def test_an_architecture_that_no_two_networks_share_is_not_there(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,))
    path = study.folder / "tables" / "layer_matching.csv"
    table = pd.read_csv(path)
    table[table["group"] == table["group"].iloc[0]].to_csv(path, index=False)
    assert "n = 2 networks" in draw("layer_matching", study).caption
    with pytest.raises(DataError, match="No layers to match"):
        draw("layer_matching", study, {"depth": 14})


def test_architectures_beyond_the_most_are_said_and_do_not_order_the_measures(study_of):
    study = study_of(depths=(8, 14), widths=(1.0,))
    path = study.folder / "tables" / "layer_matching.csv"
    table = pd.read_csv(path)
    # Over both architectures linear regression is the best, in the one that is shown CKA.
    worse = (table["depth"] == 14) & (table["measure"] == "cka_minibatch")
    table.loc[worse, "accuracy"] = -1.0
    table.to_csv(path, index=False)
    drawing = draw("layer_matching", study, {"max_groups": 1})
    assert "1 of 2 architectures are shown." in drawing.caption
    names = [text.get_text() for text in drawing.figure.axes[0].get_yticklabels()]
    assert names[-1] == "CKA (linear, minibatch)"
    assert "are shown" not in draw("layer_matching", study).caption
