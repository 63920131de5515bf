"""Predictions of groups of networks with known differences, and with none."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from repatlas.analysis.design import Grid
from repatlas.analysis.dispersion import disagreement, dispersion, permutation_test
from repatlas.analysis.dividing import dividing_examples, images_of
from repatlas.analysis.prediction_tables import Options, prediction_tables
from repatlas.analysis.predictions import Architecture, read_architecture
from repatlas.analysis.significance import adjust, holm_sidak, spreads, welch
from repatlas.analysis.statistics import bootstrap_interval
from repatlas.errors import StoreError
from scipy import stats

CLASSES = 10
LABELS = np.arange(200) % CLASSES
OPTIONS = Options({"low": [0, 1, "2"], "other": ["cat"]}, least_seeds=5, examples=4, seed=0)


def architecture(name, p, n, rng, labels=LABELS):
    """n networks that are right about example i with probability p[i]; else one class further."""
    right = rng.random((n, len(labels))) < p
    classes = tuple(str(k) for k in range(int(labels.max()) + 1))
    predicted = np.where(right, labels, (labels + 1) % len(classes)).astype(np.uint8)
    return Architecture(name, "made", predicted, labels, classes, 0, np.arange(n))


def grid_of(*groups):
    rows = [
        {"run": f"{g}-s{s}", "group": g, "depth": d, "seed": s, "dataset_folder": "made"}
        for d, g in enumerate(groups)
        for s in range(2)
    ]
    return Grid(pd.DataFrame(rows), ["depth", "seed"], {})


def tables_of(a, b, options=OPTIONS):
    pair = (a.group, b.group)
    return prediction_tables(grid_of(*pair), {a.group: a, b.group: b}, [pair], options)


# --- tests and their number -----------------------------------------------------------------------


def test_holm_sidak_steps_down_in_order_of_p():
    adjusted = holm_sidak([0.04, 0.01, np.nan, 0.02, 0.03])
    expected = [1 - 0.97**2, 1 - 0.99**4, np.nan, 1 - 0.98**3, 1 - 0.97**2]
    # Of the last, 0.04 itself is below its predecessor's value, which it inherits.
    np.testing.assert_allclose(adjusted, expected, rtol=1e-12)


def test_holm_sidak_keeps_what_is_small_and_what_is_large():
    np.testing.assert_allclose(holm_sidak([1e-30, 1.0]), [2e-30, 1.0], rtol=1e-9)
    assert holm_sidak([]).shape == (0,)
    assert np.isnan(holm_sidak([np.nan])).all()


def test_a_column_is_corrected_row_by_row():
    p = pd.Series([0.01, 0.5], index=["x", "y"])
    pd.testing.assert_series_equal(adjust(p), pd.Series([1 - 0.99**2, 0.5], index=["x", "y"]))


def test_welch_is_scipy_s():
    rng = np.random.default_rng(0)
    for n_a, n_b, spread in ((4, 5, 1.0), (20, 7, 0.1), (3, 3, 5.0)):
        a, b = rng.normal(0.9, 0.02, n_a), rng.normal(0.88, 0.02 * spread, n_b)
        found, theirs = welch(a, b, 3), stats.ttest_ind(a, b, equal_var=False)
        interval = theirs.confidence_interval(0.95)
        assert found["difference"] == pytest.approx(a.mean() - b.mean())
        assert [found[k] for k in ("low", "high", "t", "df", "p")] == pytest.approx(
            [interval.low, interval.high, theirs.statistic, theirs.df, theirs.pvalue], rel=1e-9
        )


def test_too_few_networks_are_not_tested():
    for a, b, reason in ((2, 2, "n=2"), (3, 20, "n=3 and 20"), (0, 0, "n=0")):
        found = welch(np.linspace(0, 1, a), np.linspace(0, 0.5, b), 5)
        assert found["reason"] == f"not tested: {reason}"
        assert np.isnan([found[k] for k in ("low", "high", "t", "df", "p")]).all()


def test_networks_that_do_not_vary_are_not_tested():
    found = welch(np.full(8, 0.9), np.full(8, 0.8), 5)
    assert found["reason"] == "not tested: no spread over seeds"
    assert np.isnan(found["p"])
    assert found["difference"] == pytest.approx(0.1)
    assert welch(np.full(8, 0.9), np.linspace(0.8, 0.9, 8), 5)["reason"] == ""


def test_spreads_are_those_of_each_column():
    values = np.random.default_rng(0).random((7, 3))
    found = spreads(values)
    for k, column in enumerate(values.T):
        assert (found["low"][k], found["high"][k]) == pytest.approx(bootstrap_interval(column))
        assert found["sd"][k] == pytest.approx(column.std(ddof=1))
    assert np.isnan(spreads(values[:1])["sd"]).all()
    assert np.isnan(spreads(values[:0])["mean"]).all()


# --- groups with a known difference, and with none ------------------------------------------------


def test_the_class_that_differs_is_found_and_no_other():
    rng = np.random.default_rng(1)
    p = np.full(200, 0.8)
    worse = np.where(LABELS == 3, 0.6, p)
    made = tables_of(architecture("x", p, 20, rng), architecture("y", worse, 20, rng))
    classes = made.classes
    assert classes.loc[classes["p_adjusted"] < 0.05, "class"].tolist() == ["3"]
    found = classes[classes["class"] == "3"].iloc[0]
    assert found["low"] < 0.2 < found["high"]
    pair = made.pairs.iloc[0]
    assert (pair["classes_tested"], pair["classes_different"]) == (10, 1)
    assert pair["dispersion_p_adjusted"] < 0.01
    assert made.groups["p_adjusted"].min() > 0.05  # classes 0, 1 and 2


def test_where_nothing_differs_the_family_wise_error_is_held():
    rng = np.random.default_rng(2)
    p = rng.beta(4, 1, 200)
    members = [k == LABELS for k in range(CLASSES)]
    repeats, found, overall = 400, 0, 0
    for _ in range(repeats):
        a, b = (architecture(name, p, 20, rng) for name in "xy")
        sides = a.accuracy_by(members).T, b.accuracy_by(members).T
        values = [welch(x, y, 5)["p"] for x, y in zip(*sides, strict=True)]
        found += np.nanmin(holm_sidak(values)) < 0.05
        overall += welch(a.correct.mean(axis=1), b.correct.mean(axis=1), 5)["p"] < 0.05
    # Four standard errors of a share of .05 around it, one-sided for the step-down bound.
    margin = 4 * np.sqrt(0.05 * 0.95 / repeats)
    assert 0.01 < found / repeats < 0.05 + margin
    assert abs(overall / repeats - 0.05) < margin


def test_the_permutation_test_is_exact_where_nothing_differs():
    rng = np.random.default_rng(3)
    p = rng.beta(4, 1, 100)
    labels = LABELS[:100]
    repeats = 200
    small = sum(
        permutation_test(*(architecture(name, p, 8, rng, labels) for name in "xy"), 0)["p"] < 0.1
        for _ in range(repeats)
    )
    assert abs(small / repeats - 0.1) < 4 * np.sqrt(0.1 * 0.9 / repeats)


def test_too_few_seeds_leave_no_p_value_anywhere():
    rng = np.random.default_rng(4)
    made = tables_of(*(architecture(name, np.full(200, 0.5), 2, rng) for name in "xy"))
    for table in (made.classes, made.groups, made.pairs):
        assert (table["reason"] == "not tested: n=2").all()
        columns = [c for c in table.columns if c == "p" or "_p" in c or c.startswith("p_")]
        assert table[columns].isna().all(axis=None)
    pair = made.pairs.iloc[0]
    assert np.isnan([pair["disagreement_between_low"], pair["accuracy_a_low"]]).all()
    assert pair["half"] == 1
    assert 0 < pair["disagreement_between"] < 1


def test_an_architecture_whose_networks_all_failed_is_a_row_of_undefined_values():
    rng = np.random.default_rng(5)
    made = tables_of(*(architecture(n, np.full(200, 0.5), k, rng) for n, k in (("x", 6), ("y", 0))))
    pair = made.pairs.iloc[0]
    assert pair["reason"] == "not tested: n=6 and 0"
    assert np.isnan(
        [pair["difference"], pair["disagreement_between"], pair["correlation_between"]]
    ).all()
    assert made.dividing.empty
    assert made.examples.loc[made.examples["group"] == "y", "accuracy"].isna().all()


def test_tables_name_both_designs_and_the_groups_that_the_data_have():
    rng = np.random.default_rng(6)
    made = tables_of(*(architecture(name, np.full(200, 0.7), 6, rng) for name in "xy"))
    for table in (made.classes, made.groups, made.pairs, made.dividing):
        assert table.columns[:4].tolist() == ["group_a", "depth_a", "group_b", "depth_b"]
    assert made.groups["class_group"].tolist() == ["low"]  # no class is called cat
    assert made.groups["examples"].tolist() == [60]
    assert made.classes["examples"].sum() == 200
    assert len(made.examples) == 400


# --- examples -------------------------------------------------------------------------------------


def test_halves_are_disjoint_whole_and_drawn_once():
    for n in (0, 1, 2, 7, 20):
        own = architecture("x", np.full(200, 0.5), n, np.random.default_rng(0))
        selection, confirmation = own.halves
        assert sorted([*selection, *confirmation]) == list(range(n))
        assert len(selection) == n // 2
    again = architecture("x", np.full(200, 0.5), 20, np.random.default_rng(1))
    np.testing.assert_array_equal(own.halves[0], again.halves[0])
    other = architecture("y", np.full(200, 0.5), 20, np.random.default_rng(1))
    assert not np.array_equal(own.halves[0], other.halves[0])


def made_halves(name, selection, confirmation, n=8):
    """An architecture with the given accuracies on example 0 in its halves, else always right."""
    own = architecture(name, np.ones(200), n, np.random.default_rng(0))
    predicted = own.predicted.copy()
    for chosen, accuracy in zip(own.halves, (selection, confirmation), strict=True):
        wrong = chosen[: round((1 - accuracy) * len(chosen))]
        predicted[wrong, 0] = 1
    return Architecture(name, "made", predicted, LABELS, own.classes, 0, own.seeds)


def test_dividing_examples_report_networks_that_did_not_choose_them():
    a, b = made_halves("x", 1.0, 0.5), made_halves("y", 0.25, 0.75)
    found = dividing_examples(a, b, 5)
    assert len(found) == 1  # no other example differs, and none favours b
    row = found.iloc[0]
    assert (row["favours"], row["rank"], row["example"], row["label"]) == ("a", 1, 0, 0)
    assert row["accuracy_a_selection"] == 1.0
    assert row["accuracy_b_selection"] == 0.25
    assert row["accuracy_a_confirmation"] == 0.5
    assert row["accuracy_b_confirmation"] == 0.75
    assert row["difference_selection"] == 0.75
    assert row["difference_confirmation"] == -0.25
    assert (row["n_a_selection"], row["n_b_confirmation"]) == (4, 4)
    assert dividing_examples(b, a, 5).iloc[0]["favours"] == "b"


def test_a_real_lead_is_confirmed_and_a_chance_one_is_not():
    rng = np.random.default_rng(7)
    p = np.full(200, 0.5)
    known = np.where(np.arange(200) < 4, 0.95, p), np.where(np.arange(200) < 4, 0.05, p)
    real = dividing_examples(
        *(architecture(n, q, 20, rng) for n, q in zip("xy", known, strict=True)), 4
    )
    ahead = real[real["favours"] == "a"]
    assert sorted(ahead["example"]) == [0, 1, 2, 3]
    assert ahead["difference_confirmation"].min() > 0.5
    chance = dividing_examples(*(architecture(n, p, 20, rng) for n in "xy"), 8)
    lead = np.where(chance["favours"] == "a", 1, -1)
    assert (lead * chance["difference_selection"]).mean() > 0.4
    assert abs((lead * chance["difference_confirmation"]).mean()) < 0.15


def test_images_are_those_of_the_examples_each_once():
    images = np.arange(3 * 2 * 4 * 4, dtype=np.uint8).reshape(3, 2, 4, 4)
    data = {"made": SimpleNamespace(test_images=images)}
    wanted = pd.DataFrame({"dataset_folder": "made", "example": [2, 0, 2]})
    table = images_of(wanted, data)
    assert table["example"].tolist() == [2, 0]
    row = table.iloc[0]
    shape = [row["channels"], row["height"], row["width"]]
    np.testing.assert_array_equal(np.frombuffer(row["pixels"], np.uint8).reshape(shape), images[2])


def test_between_equals_within_only_where_nothing_differs():
    rng = np.random.default_rng(8)
    p = rng.beta(2, 1, 200)
    a, same = (architecture(n, p, 20, rng) for n in "xy")
    other = architecture("z", rng.permutation(p), 20, rng)
    alike, different = dispersion(a, same, 0), dispersion(a, other, 0)
    assert alike["half"] == 10
    assert alike["sd_between"] == pytest.approx(alike["sd_within_a"], rel=0.1)
    # Binomial sampling alone: sd of a difference of two shares of 10.
    expected = np.sqrt((2 * p * (1 - p) / 10).mean())
    assert alike["sd_within_a"] == pytest.approx(expected, rel=0.1)
    assert different["sd_between"] > 1.5 * different["sd_within_a"]
    assert different["correlation_between"] < 0.3 < different["correlation_within_a"]


def test_disagreement_is_the_mean_over_pairs_of_unlike_seeds():
    rng = np.random.default_rng(9)
    a, b = (
        architecture("x", np.full(200, 0.6), 5, rng),
        architecture("y", np.full(200, 0.8), 4, rng),
    )
    found = disagreement(a, b, 0)

    def mean(x, y):
        return np.mean(
            [(p != q).mean() for i, p in enumerate(x) for j, q in enumerate(y) if i != j]
        )

    between = mean(a.predicted, b.predicted)
    within = mean(a.predicted, a.predicted), mean(b.predicted, b.predicted)
    assert found["disagreement_between"] == pytest.approx(between)
    assert found["disagreement_within_a"] == pytest.approx(within[0])
    assert found["disagreement_within_b"] == pytest.approx(within[1])
    assert found["excess"] == pytest.approx(between - np.mean(within))
    for key in ("disagreement_between", "disagreement_within_a", "excess"):
        assert found[f"{key}_low"] < found[key] < found[f"{key}_high"]


def test_networks_of_one_seed_do_not_count_between_architectures():
    """Two architectures whose networks of one seed predict the same, as an equal beginning might
    make them."""
    rng = np.random.default_rng(10)
    a = architecture("x", np.full(200, 0.6), 6, rng)
    twin = replace(a, group="y")
    found = disagreement(a, twin, 0)
    assert found["disagreement_between"] == pytest.approx(found["disagreement_within_a"])
    halves = dispersion(a, twin, 0)
    assert halves["sd_between"] == pytest.approx(halves["sd_within_a"], rel=0.05)
    # Where there are no others they are all that there is.
    pair = [replace(side, predicted=side.predicted[:1], seeds=np.arange(1)) for side in (a, twin)]
    assert disagreement(*pair, 0)["disagreement_between"] == 0


# --- the share explained by class -----------------------------------------------------------------


@pytest.fixture
def networks(tmp_path):
    rng = np.random.default_rng(14)
    runs = pd.DataFrame({"run": ["r0", "r1", "r2"], "group": "g", "seed": [4, 5, 6]})
    for k, run in enumerate(runs["run"]):
        (tmp_path / run).mkdir()
        np.save(tmp_path / run / "test_logits.npy", rng.random((200, 10), dtype=np.float32))
        state = "diverged" if k == 1 else "completed"
        (tmp_path / run / "status.json").write_text(json.dumps({"status": state}))
    data = SimpleNamespace(test_labels=LABELS, classes=tuple("0123456789"))
    return tmp_path, runs, ("made", data)


def test_architectures_are_read_without_failed_networks(networks):
    folder, runs, data = networks
    own = read_architecture("g", runs, folder, data, 0)
    assert own.predicted.shape == (2, 200)
    assert own.seeds.tolist() == [4, 6]
    last = np.load(folder / "r2" / "test_logits.npy")
    np.testing.assert_array_equal(own.predicted[1], last.argmax(axis=1))
    assert own.correct[1].mean() == pytest.approx((last.argmax(axis=1) == LABELS).mean())


def test_logits_that_do_not_fit_the_test_set_are_refused(networks):
    folder, runs, data = networks
    np.save(folder / "r0" / "test_logits.npy", np.zeros((100, 10)))
    with pytest.raises(StoreError, match=r"r0.*shape \(100, 10\); the test set has 200 examples"):
        read_architecture("g", runs, folder, data, 0)
    (folder / "r0" / "test_logits.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(StoreError, match="is damaged"):
        read_architecture("g", runs, folder, data, 0)
    (folder / "r0" / "test_logits.npy").unlink()
    with pytest.raises(StoreError, match="is missing"):
        read_architecture("g", runs, folder, data, 0)
