"""Reading a study: what `repatlas.load_study` gives is what the workflow wrote."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import repatlas
from repatlas.errors import StoreError
from repatlas.layers import layers_of

DEAD = "stage3.block1.relu1"


def run_of(study, depth, width, seed):
    runs = study.runs
    row = runs[(runs["depth"] == depth) & (runs["width"] == width) & (runs["seed"] == seed)]
    return row.iloc[0]


def test_a_study_is_read_from_its_folder(study_folder):
    study = repatlas.load_study(str(study_folder))
    assert study.name == "made"
    assert study.config["title"] == "Made"
    assert study.design == ["dataset", "fraction", "architecture", "depth", "width", "seed"]
    assert len(study.runs) == 8
    assert study.measures == ["cka_minibatch"]


@pytest.mark.parametrize(
    "name", ["accuracy", "learning_curves", "block_metrics", "block_summary", "cross_seed", "runs"]
)
def test_tables_are_those_of_the_files(study, study_folder, name):
    path = next((study_folder / "tables").glob(f"{name}.*"))
    expected = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    numbers = expected.select_dtypes("number")
    pd.testing.assert_frame_equal(getattr(study, name)[numbers.columns], numbers)
    assert list(study.table(name).columns) == list(expected.columns)


def test_a_table_may_be_changed_without_changing_the_study(study):
    table = study.runs
    table["run"] = "mine"
    assert "mine" not in study.runs["run"].tolist()


def test_empty_texts_are_texts_and_empty_numbers_nan(study):
    failed, done = run_of(study, 14, 2, 0), run_of(study, 14, 2, 1)
    assert failed["status"] == "diverged"
    assert np.isnan(failed["test_accuracy"])
    assert done["reason"] == ""
    assert failed["run"] not in study.completed["run"].tolist()


def test_a_data_set_may_be_called_na(study_of):
    study = study_of(depths=(8,), widths=(1.0,))
    path = study._tables.folder / "cost.csv"
    path.write_text("rule,dataset,seconds\ntrain,NA,1.5\ntrain,null,\n")
    assert study.cost["dataset"].tolist() == ["NA", "null"]
    assert study.cost["seconds"].isna().tolist() == [False, True]


def test_similarity_is_labelled_by_the_layers_of_both_networks(study, known):
    a, b = run_of(study, 8, 1, 0), run_of(study, 14, 2, 1)
    matrix = study.similarity(a["run"], b["run"])
    names = [[x.name for x in layers_of(r) if x.kind == "relu"] for r in (a, b)]
    assert matrix.index.tolist() == names[0]
    assert not isinstance(matrix.index, pd.CategoricalIndex)
    assert matrix.columns.tolist() == names[1]
    every = [[x.name for x in layers_of(r)] for r in (a, b)]
    i, j = (every[k].index("stage2.block1.relu2") for k in (0, 1))
    value = known(a, b, i, j, len(every[0]), len(every[1]))
    assert matrix.loc["stage2.block1.relu2", "stage2.block1.relu2"] == value


def test_a_pair_stored_the_other_way_round_is_turned(study):
    a, b = run_of(study, 8, 1, 0)["run"], run_of(study, 14, 2, 1)["run"]
    there, back = study.similarity(a, b), study.similarity(b, a)
    assert there.shape == (7, 13)
    pd.testing.assert_frame_equal(back, there.T)
    assert back.index.name == b
    assert back.columns.name == a
    long = study.comparison(b, a)
    assert (long["run_a"] == b).all()
    assert long["layer_a"].iloc[-1] == "stage3.block2.relu2"


def test_a_measure_that_is_not_symmetric_is_read_as_asked(study_of):
    study = study_of(depths=(8,), widths=(1.0,))
    path = study.folder / "tables" / "layer_similarity.parquet"
    table = pd.read_parquet(path)
    other = table[table["run_a"].astype(str) != table["run_b"].astype(str)]
    swap = {c: f"{c[:-1]}{'b' if c[-1] == 'a' else 'a'}" for c in other if c[-2:] in ("_a", "_b")}
    back = other.rename(columns=swap).assign(value=other["value"] / 2)
    pd.concat([table, back[table.columns]]).to_parquet(path)
    a, b = study.runs["run"]
    there, half = study.similarity(a, b), study.similarity(b, a)
    assert there.shape == half.shape == (7, 7)
    pd.testing.assert_frame_equal(half, there.T / 2)


def test_within_a_network_all_layers_are_compared(study):
    run = run_of(study, 8, 1, 0)["run"]
    matrix = study.similarity(run)
    assert matrix.shape == (30, 30)
    alive = matrix.drop(index=DEAD, columns=DEAD)
    assert np.isfinite(alive.to_numpy()).all()
    assert (np.diag(alive) == 1).all()
    assert matrix[DEAD].isna().all()
    assert matrix.loc[DEAD].isna().all()
    reasons = study.comparison(run).query("layer_a == @DEAD")["reason"]
    assert (reasons == "layer_a is dead").all()


@pytest.mark.parametrize(
    ("layers", "count"),
    [("relu", 7), ("all", 30), ("residual", 3), ("stage2.*", 8), (["input", "dense"], 2)],
)
def test_layers_are_chosen_as_in_a_study_file(study, layers, count):
    matrix = study.similarity(run_of(study, 8, 1, 0)["run"], layers=layers)
    assert matrix.shape == (count, count)


def test_standard_errors_have_the_shape_of_the_values(study):
    a, b = run_of(study, 14, 2, 1)["run"], run_of(study, 8, 1, 0)["run"]
    expected = study.similarity(a, b, layers="relu") / 100
    pd.testing.assert_frame_equal(study.standard_errors(a, b, layers="relu"), expected)


def test_logits_have_a_row_an_example_and_a_column_a_class(study):
    logits = study.logits(run_of(study, 8, 1, 1)["run"])
    assert logits.shape == (4, 10)
    assert (logits.index.name, logits.columns.name) == ("example", "class")
    assert (logits == 1).all(axis=None)


def test_layers_of_a_network_stand_in_order(study):
    run = run_of(study, 8, 1, 0)
    layers = study.layers(run["run"])
    assert layers["layer"].tolist() == [x.name for x in layers_of(run)]
    assert layers["index"].tolist() == list(range(30))
    assert layers.set_index("layer").loc[DEAD, "reason"] == "dead"


def test_pairs_are_each_compared_pair_once(study):
    pairs = study.pairs("cka_minibatch")
    assert len(pairs) == 7 * 8 / 2
    assert not pairs.duplicated().any()
    with pytest.raises(StoreError, match="no measure 'rsa'"):
        study.pairs("rsa")


def test_a_folder_that_is_no_study_names_those_there_are(study_folder, tmp_path):
    for wrong in (study_folder.parent, study_folder.parent.parent, study_folder.parent / "mad"):
        with pytest.raises(StoreError, match="holds no tables of a study") as caught:
            repatlas.load_study(wrong)
        assert str(study_folder) in str(caught.value)
    with pytest.raises(StoreError, match="after `make CONFIG="):
        repatlas.load_study(tmp_path / "nowhere")


def test_unknown_names_are_answered_with_the_known(study, study_of):
    run = run_of(study, 8, 1, 0)["run"]
    for ask in (study.similarity, study.logits, study.layers):
        with pytest.raises(StoreError, match=f"no network '{run}x'; did you mean '{run}'"):
            ask(run + "x")
    with pytest.raises(StoreError, match="no measure 'cka_minibtch'; did you mean 'cka_minibatch'"):
        study.similarity(run, measure="cka_minibtch")
    with pytest.raises(StoreError, match="no table 'run'; did you mean 'runs'"):
        study.table("run")
    with pytest.raises(StoreError, match="'rleu' matches no layer; accepted are"):
        study.similarity(run, layers="rleu")
    with pytest.raises(StoreError, match=r"training diverged \(training loss is nan at epoch 2\)"):
        study.similarity(run, run_of(study, 14, 2, 0)["run"])
    alone = study_of(across="none")
    with pytest.raises(StoreError, match="does not compare"):
        alone.similarity(run_of(alone, 8, 1, 0)["run"], run_of(alone, 14, 1, 0)["run"])


def test_missing_and_damaged_logits_are_named(study_of):
    study = study_of(depths=(8,), widths=(1.0,))
    first, second = study.runs["run"]
    folder = study._networks
    (folder / first / "test_logits.npy").unlink()
    with pytest.raises(StoreError, match=r"test_logits.npy is missing\. `make CONFIG="):
        study.logits(first)
    path = folder / second / "test_logits.npy"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(StoreError, match="test_logits.npy is damaged"):
        study.logits(second)


def test_reading_and_drawing_need_no_torch():
    code = "import sys, repatlas.results, repatlas.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    light = "import sys, repatlas; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], check=False).returncode == 0
