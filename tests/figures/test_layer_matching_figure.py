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
