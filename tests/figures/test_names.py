"""Names that tell the architectures of a figure apart."""

import pytest
from made_predictions import write_predictions
from matplotlib.text import Text
from repatlas.figures import choice, draw


@pytest.mark.parametrize(
    "name",
    [
        "layer_matching",
        "best_matches",
        "prediction_examples",
        "prediction_classes",
        "prediction_disagreement",
        "dividing_examples",
        "linear_probes",
        "across_seeds",
    ],
)
def test_what_the_network_s_own_name_does_not_tell_is_added(study_of, name):
    study = study_of(depths=(14,), widths=(1.0,), fractions=(0.5, 1.0), seeds=range(4))
    write_predictions(study.folder)
    drawing = draw(name, study)
    words = " ".join(text.get_text() for text in drawing.figure.findobj(Text)).replace("\n", " ")
    for fraction in ("1/2 of the data", "all data"):
        assert f"ResNet-14, width 1, {fraction}" in words


def test_what_all_have_in_common_is_no_part_of_a_name(study_of):
    study = study_of(fractions=(0.5, 1.0), seeds=(0,), across="none")
    cells = choice.cells_of(study, study.runs)
    names = choice.names(study, cells[cells["fraction"] == 0.5])
    expected = [f"ResNet-{depth}, width {width}" for depth in (8, 14) for width in (1, 2)]
    assert list(names.values()) == expected


def test_networks_of_another_seed_and_cells_alone_in_their_row_have_their_names(study_of):
    study = study_of(
        depths=(8, 14), widths=(1.0,), fractions=(0.5, 1.0), diverged=[(8, 1.0, 0)], across="none"
    )
    caption = draw("within_by_depth", study).caption
    names = [f"ResNet-8, width 1, {data}: seed 1" for data in ("1/2 of the data", "all data")]
    assert f"({'; '.join(names)})" in caption
    cells = choice.cells_of(study, study.runs)
    plan = choice.arrange(study, cells[:-1], "depth", 4, 6)
    assert plan.notes == ["Alone in its row and not shown: ResNet-8, width 1, all data."]
