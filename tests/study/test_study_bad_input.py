"""Whatever is wrong with a study is said in one message: line, key, found, accepted."""

import datetime
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repatlas.errors import ConfigError
from repatlas.study import Study
from repatlas.study.read import check_yaml

HEAD = "study: small\ngrid:\n  depth: [8, 14]\n  seed: [0, 1]\n"

# One mistake each: the file, and the whole line that the message must hold.
CASES = {
    "unknown key": (
        HEAD + "traning: {epochs: 3}",
        "line 5, traning: unknown key; did you mean 'training'? (accepted: comparisons, data, "
        "data_root, datasets, device, exclude, figure_settings, figures, grid, include, "
        "keep_activations, measures, model, overrides, probe, study, taps, title, training)",
    ),
    "unknown key in a section": (
        HEAD + "probe:\n  sise: 3",
        "line 6, probe.sise: unknown key; did you mean 'size'? (accepted: batch_size, dataset, "
        "passes, size)",
    ),
    "another library's name": (
        HEAD + "training: {weight_decay: 0.1}",
        "line 5, training.weight_decay: unknown key; the setting is called l2 and is half of "
        "torch's weight_decay (accepted: batch_size, crop_padding, epochs, evaluate_every, flip, "
        "l2, learning_rate, momentum, precision, schedule, threads)",
    ),
    "a key outside its section": (
        HEAD + "epochs: 3",
        "line 5, epochs: unknown key; 'epochs' belongs under `training` or, to vary it, `grid`",
    ),
    "the seed outside the grid": (
        HEAD + "seed: 3",
        "line 5, seed: unknown key; 'seed' belongs under `grid`",
    ),
    "no study": (
        "grid: {seed: 0}",
        "study: this key is missing; give it a name of at most 64 letters, digits, dots, dashes "
        "and underscores that starts with a letter or digit",
    ),
    "no grid": ("study: x", "grid: this key is missing; give it a mapping (`key: value` lines)"),
    "a path as name": (
        HEAD.replace("small", "../x"),
        "line 1, study: found '../x'; accepted is a name of at most 64 letters, digits, dots, "
        "dashes and underscores that starts with a letter or digit",
    ),
    "a hidden name": (HEAD.replace("small", ".x"), "line 1, study: found '.x'; accepted is a name"),
    "a number as name": (HEAD.replace("small", "7"), "line 1, study: found 7; accepted is a name"),
    "a name that is too long": (
        HEAD.replace("small", "a" * 65),
        f"line 1, study: found '{'a' * 65}'; accepted is a name of at most 64",
    ),
    "wrong type": (
        HEAD + "training: {epochs: many}",
        "line 5, training.epochs: found 'many'; accepted is a whole number of epochs, 1 or more",
    ),
    "a number in quotes": (
        HEAD + "training: {epochs: '30'}",
        "line 5, training.epochs: found the text '30'; accepted is a whole number of epochs, 1 or "
        "more. Write 30",
    ),
    "a fraction of an epoch": (
        HEAD + "training: {epochs: 1.5}",
        "line 5, training.epochs: found 1.5; accepted is a whole number of epochs, 1 or more",
    ),
    "1e-3": (
        HEAD + "training:\n  learning_rate: 1e-3",
        "line 6, training.learning_rate: found the text '1e-3'; accepted is a number, above 0. "
        "Write 0.001",
    ),
    "1e-3 in the grid": (
        HEAD + "  l2: [0.1, 1e-5]",
        "line 5, grid.l2.1: found the text '1e-5'; accepted is a number, 0 or more. Write 1.0e-05",
    ),
    "1/16": (
        HEAD + "  fraction: 1/16",
        "line 5, grid.fraction: found the text '1/16'; accepted is a number, above 0 and at most "
        "1, or a list of such. Write 0.0625",
    ),
    "nothing": (
        HEAD + "training:\n  epochs:",
        "line 6, training.epochs: found nothing; accepted is a whole number of epochs, 1 or more",
    ),
    "one for true": (
        HEAD + "training: {flip: 1}",
        "line 5, training.flip: found 1; accepted is true or false",
    ),
    "infinity": (
        HEAD + "training: {learning_rate: .inf}",
        "line 5, training.learning_rate: found inf; accepted is a number, above 0",
    ),
    "not a number": (
        HEAD + "training: {l2: .nan}",
        "line 5, training.l2: found nan; accepted is a number, 0 or more",
    ),
    "a date": (
        HEAD + "title: 2026-01-01",
        "line 5, title: found 2026-01-01; accepted is text",
    ),
    "a list for a section": (
        HEAD + "model: [8]",
        "line 5, model: found [8]; accepted is a mapping (`key: value` lines)",
    ),
    "negative": (
        HEAD + "training: {epochs: -3}",
        "line 5, training.epochs: found -3; accepted is a whole number of epochs, 1 or more",
    ),
    "negative seed": (
        HEAD.replace("[0, 1]", "[0, -1]"),
        "line 4, grid.seed.1: found -1; accepted is a whole number, 0 or more",
    ),
    "empty grid": (
        "study: x\ngrid: {}",
        "line 2, grid: it names no setting; name at least one",
    ),
    "nothing as grid": (
        "study: x\ngrid:",
        "line 2, grid: found nothing; accepted is a mapping (`key: value` lines)",
    ),
    "empty axis": (
        HEAD.replace("[8, 14]", "[]"),
        "line 3, grid.depth: found an empty list; accepted is a whole number, 8 or more, or a "
        "list of such, at least one",
    ),
    "unknown axis": (
        HEAD + "  widht: 2",
        "line 5, grid.widht: unknown key; did you mean 'width'? (accepted: architecture,",
    ),
    "a value twice": (
        HEAD.replace("[0, 1]", "[1, 0, 1]"),
        "line 4, grid.seed: a value is named twice in [1, 0, 1]",
    ),
    "a value twice, written differently": (
        HEAD + "  width: [1, 1.0]",
        "line 5, grid.width: a value is named twice in [1.0, 1.0]",
    ),
    "depth": (
        HEAD.replace("14", "16"),
        "line 3, grid.depth.1: found 16; a depth has the form 6n+2; the nearest are 14 and 20",
    ),
    "depth outside the grid": (
        "study: x\ngrid: {seed: 0}\nmodel: {depth: 21}",
        "line 3, model.depth: found 21; a depth has the form 6n+2; the nearest are 20 and 26",
    ),
    "depth below 8": (
        HEAD.replace("[8, 14]", "2"),
        "line 3, grid.depth: found 2; accepted is a whole number, 8 or more, or a list of such",
    ),
    "no channels": (
        HEAD + "  width: [1, 0.03]",
        "line 5, grid.width.1: found 0.03; 16 * width rounds to no channels; accepted is a width "
        "that leaves at least one, such as 0.0625",
    ),
    "zero width": (
        HEAD + "  width: 0",
        "line 5, grid.width: found 0; accepted is a number, above 0 and at most 64, or a list",
    ),
    "unknown data set": (
        HEAD + "data: {dataset: cifar}",
        "line 5, data.dataset: found 'cifar', which is not built in and not declared under "
        "`datasets`; did you mean 'cifar10'? (accepted: cifar10, cifar100, digits, fashion-mnist, "
        "mnist)",
    ),
    "unknown data set in the grid": (
        HEAD + "  dataset: [digits, MNIST]",
        "line 5, grid.dataset.1: found 'MNIST', which is not built in and not declared under "
        "`datasets`; did you mean 'mnist'?",
    ),
    "unknown data set in an extra row": (
        HEAD + "include:\n  - {dataset: mine}",
        "line 6, include.0.dataset: found 'mine', which is not built in",
    ),
    "unknown probe": (
        HEAD + "probe: {dataset: svhn}",
        "line 5, probe.dataset: found 'svhn', which is not built in",
    ),
    "batch larger than the data": (
        HEAD + "  fraction: [1, 0.05]\ntraining: {batch_size: 80}",
        "line 6, training.batch_size: found 80, but fraction 0.05 of digits is 64 training images; "
        "accepted is at most 64, or a larger fraction",
    ),
    "batch of the default larger than the data": (
        HEAD + "  fraction: 0.05",
        "training.batch_size: found 128, but fraction 0.05 of digits is 64 training images",
    ),
    "batch of the grid larger than the data": (
        HEAD + "  batch_size: [64, 2000]",
        "line 5, grid.batch_size: found 2000, but fraction 1 of digits is 1285 training images",
    ),
    "batch of an override larger than the data": (
        HEAD + "overrides:\n  - where: {depth: 8}\n    set: {batch_size: 2000}",
        "line 7, overrides.0.set.batch_size: found 2000, but fraction 1 of digits is 1285",
    ),
    "more probe images than there are": (
        HEAD + "probe: {size: 513}",
        "line 5, probe.size: found 513, but the test set of digits has 512 images; accepted is at "
        "most 512",
    ),
    "a batch larger than the probe": (
        HEAD + "probe: {size: 60, batch_size: 61}",
        "line 5, probe.batch_size: found 61, but the probe set has 60 images; accepted is at most "
        "60",
    ),
    "a probe of another shape": (
        HEAD + "probe: {dataset: cifar10}",
        "line 5, probe.dataset: found 'cifar10' with images of 32x32 pixels and 3 channels, but "
        "digits has 8x8 pixels and 1 channel; accepted is a data set of the same shape",
    ),
    "a crop that reflects too much": (
        HEAD + "training: {crop_padding: 8}",
        "line 5, training.crop_padding: found 8, but an image of digits can be reflected by less "
        "than its side; accepted is at most 7",
    ),
    "held out of everything": (
        HEAD + "data: {evaluate_on: held_out}",
        "line 5, data.evaluate_on: found 'held_out', but fraction 1 of digits leaves no training "
        "image outside; accepted is 'test', or a smaller fraction",
    ),
    "a seed of no labels": (
        HEAD + "data: {label_seed: 1}",
        "line 5, data.label_seed: it has no effect, because no network has `random_labels`; take "
        "it out",
    ),
    "exclude leaves nothing": (
        HEAD + "exclude:\n  - {seed: [0, 1]}",
        "line 5, exclude: found 1 entries that take out all 4 networks of the grid; accepted are "
        "entries that leave at least one",
    ),
    "exclude matches nothing": (
        HEAD + "exclude: [{depth: 8, width: 2}]",
        "line 5, exclude.0: {depth: 8, width: 2} matches no network of the grid; correct it or "
        "take the entry out",
    ),
    "an empty exclusion": (
        HEAD + "exclude: [{}]",
        "line 5, exclude.0: it names no setting; name at least one",
    ),
    "an override of nothing": (
        HEAD + "overrides: [{where: {depth: 20}, set: {epochs: 3}}]",
        "line 5, overrides.0.where: {depth: 20} matches no network of the study; correct it or "
        "take the entry out",
    ),
    "an override of the seed": (
        HEAD + "overrides: [{where: {depth: 8}, set: {seed: 3}}]",
        "line 5, overrides.0.set.seed: unknown key (accepted: architecture,",
    ),
    "an override with a list": (
        HEAD + "overrides: [{where: {depth: 8}, set: {epochs: [3, 4]}}]",
        "line 5, overrides.0.set.epochs: found [3, 4]; accepted is a whole number of epochs",
    ),
    "unknown measure": (
        HEAD + "measures: [cka_minibatch, ck]",
        "line 5, measures.1: found 'ck'; did you mean 'cka'? accepted is one of cka_minibatch,",
    ),
    "a measure twice": (HEAD + "measures: [cka, cka]", "line 5, measures: 'cka' is named twice"),
    "a measure without activations": (
        HEAD + "keep_activations: false\nmeasures: [cka_minibatch, svcca]",
        "line 6, measures.1: 'svcca' is computed from activations, but `keep_activations` is "
        "false; accepted is cka_minibatch, or `keep_activations: true`",
    ),
    "unknown figure": (
        HEAD + "figures: acuracy",
        "line 5, figures: found 'acuracy'; did you mean 'accuracy'? accepted is 'auto', or one of "
        "within_by_depth,",
    ),
    "unknown figure in a list": (
        HEAD + "figures:\n  - accuracy\n  - loss",
        "line 7, figures.1: found 'loss'; accepted is one of within_by_depth,",
    ),
    "settings of an unknown figure": (
        HEAD + "figure_settings: {acuracy: {a: 1}}",
        "line 5, figure_settings.acuracy: unknown name; did you mean 'accuracy'? (accepted: "
        "accuracy, across_architectures,",
    ),
    "an unknown setting of a figure": (
        HEAD + "figure_settings:\n  accuracy:\n    max_column: 1",
        "line 7, figure_settings.accuracy.max_column: unknown setting; did you mean 'max_columns'?",
    ),
    "a figure of seeds without seeds": (
        "study: x\ngrid: {seed: 0}\nfigures: [accuracy, across_seeds]",
        "line 3, figures.1: found 'across_seeds', but no networks that differ in the seed alone "
        "are compared; it needs two seeds and `comparisons: {across_seeds: true}`",
    ),
    "a figure of architectures without pairs": (
        HEAD + "figures: [across_architectures]",
        "line 5, figures.0: found 'across_architectures', but `comparisons.across_architectures` "
        "names no pairs; accepted there is all, or a list of pairs",
    ),
    "unknown layer": (
        HEAD + "taps: [relu, rely]",
        "line 5, taps.1: 'rely' matches no layer; accepted are all, residual, a kind (add, bn, "
        "conv, dense, flatten, input, pool, projection, relu) or a pattern of names such as "
        "'stage2.*.relu2'",
    ),
    "a layer that only a plain network lacks": (
        HEAD + "  architecture: [resnet, cnn]\ntaps: [relu, add]",
        "line 6, taps.1: 'add' matches no layer; accepted are all, residual, a kind (bn, conv,",
    ),
    "unknown compared layer": (
        HEAD + "comparisons: {layers: [stage4.*]}",
        "line 5, comparisons.layers.0: 'stage4.*' matches no layer",
    ),
    "a compared layer that is not tapped": (
        HEAD + "taps: conv",
        "comparisons.layers: found 'relu', but `taps` reads none of these layers out; add "
        "'relu' to `taps`",
    ),
    "a wrong word for pairs": (
        HEAD + "comparisons: {across_architectures: al}",
        "line 5, comparisons.across_architectures: found 'al'; did you mean 'all'? accepted is one "
        "of none, all, or a list, each a list of 2, each a mapping (`key: value` lines), such as "
        "[[{depth: 14, width: 2}, {depth: 56, width: 1}]]",
    ),
    "a pair of one": (
        HEAD + "comparisons: {across_architectures: [[{depth: 8}]]}",
        "line 5, comparisons.across_architectures.0: found [{depth: 8}]; accepted is a list of 2, "
        "each a mapping (`key: value` lines)",
    ),
    "a pair by an unknown axis": (
        HEAD + "comparisons: {across_architectures: [[{dept: 8}, {depth: 14}]]}",
        "line 5, comparisons.across_architectures.0.0.dept: unknown key; did you mean 'depth'?",
    ),
    "a pair by seed": (
        HEAD + "comparisons: {across_architectures: [[{seed: 0}, {depth: 14}]]}",
        "line 5, comparisons.across_architectures.0.0.seed: unknown key",
    ),
    "a pair that selects nothing": (
        HEAD + "comparisons: {across_architectures: [[{depth: 8}, {depth: 14, width: 2}]]}",
        "line 5, comparisons.across_architectures.0.1: {depth: 14, width: 2} selects no network",
    ),
    "a pair of one architecture": (
        HEAD + "comparisons: {across_architectures: [[{depth: 8}, {depth: 8}]]}",
        "line 5, comparisons.across_architectures.0: the selected networks cannot be compared: "
        "they are of one architecture (`across_seeds` compares those), or see different probe "
        "images",
    ),
    "a pair that saw different images": (
        HEAD + "  dataset: [digits, mnist]\ncomparisons: {across_architectures: "
        "[[{dataset: digits}, {dataset: mnist}]]}",
        "line 6, comparisons.across_architectures.0: the selected networks cannot be compared",
    ),
    "device": (
        HEAD + "device: gpu",
        "line 5, device: found 'gpu'; accepted is auto, cpu, cuda or cuda:N",
    ),
    "a folder that YAML takes for false": (
        HEAD
        + "  dataset: mine\ndatasets:\n  mine: {source: folder, path: no, size: 9, channels: 1}",
        "line 7, datasets.mine.path: found false; accepted is text",
    ),
    "a folder of images that is not there": (
        HEAD
        + "  dataset: mine\ndatasets:\n  mine: {source: folder, path: x, size: 9, channels: 1}",
        "line 7, datasets.mine: Data set folder: x does not exist",
    ),
    "an npz that is not there": (
        HEAD + "  dataset: mine\ndatasets:\n  mine: {source: npz, path: x.npz}",
        "line 7, datasets.mine: Data set file: x.npz does not exist",
    ),
    "a folder without a size": (
        HEAD + "datasets:\n  mine: {source: folder, path: x}",
        "line 6, datasets.mine: `source: folder` also needs `size`, `channels`",
    ),
    "a built-in set with a path": (
        HEAD + "datasets:\n  mine: {source: mnist, path: x}",
        "line 6, datasets.mine: `path` has no meaning for `source: mnist`; a built-in set has no "
        "further settings; take the line out",
    ),
    "an npz with a size": (
        HEAD + "datasets:\n  mine: {source: npz, path: x, size: 8}",
        "line 6, datasets.mine: `size` has no meaning for `source: npz`; accepted beside `source`: "
        "path, split_seed, test_fraction",
    ),
    "a size of three": (
        HEAD + "datasets:\n  m: {source: folder, path: x, size: [8, 8, 3], channels: 3}",
        "line 6, datasets.m: `size` has 3 numbers; accepted is one number of pixels or [height, "
        "width]",
    ),
    "a size of words": (
        HEAD + "datasets:\n  m: {source: folder, path: x, size: [8, big], channels: 3}",
        "line 6, datasets.m.size.1: found 'big'; accepted is a whole number of pixels, 1 or more",
    ),
    "a taken name": (
        HEAD + "datasets:\n  mnist: {source: npz, path: x}",
        "line 5, datasets: 'mnist' is the name of a built-in set; choose another",
    ),
    "a name for a data set": (
        HEAD + "datasets:\n  my set: {source: mnist}",
        "line 6, datasets.my set: found the name 'my set'; accepted is a name of at most 64",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_is_one_line_that_says_what_to_do(case, written):
    text, line = CASES[case]
    file = written(text)
    with pytest.raises(ConfigError) as error:
        Study(check_yaml(file), [file])
    head, *lines = str(error.value).splitlines()
    assert head == "The study in study.yaml cannot be used; one thing to correct:"
    assert lines[0].startswith(f"  {line}")
    # Only a message about a missing folder goes on to a second line.
    assert all(more.startswith("    ") for more in lines[1:])
    assert error.value.__suppress_context__


def test_all_mistakes_of_form_are_listed_at_once(written):
    file = written(
        "study: ../x\ngrid: {depth: 9, sed: 1}\nprobe: {size: big}\nmeasures: cca\ntitel: a\n"
    )
    with pytest.raises(ConfigError) as error:
        Study(check_yaml(file), [file])
    head, *lines = str(error.value).splitlines()
    assert head == "The study in study.yaml cannot be used; 6 things to correct:"
    assert [line.split(":")[0].strip() for line in lines] == [
        "line 1, study",
        "line 2, grid.depth",
        "line 2, grid.sed",
        "line 3, probe.size",
        "line 4, measures",
        "line 5, titel",
    ]


def test_all_mistakes_of_content_are_listed_at_once_and_once(written):
    file = written(
        HEAD + "training: {batch_size: 2000, crop_padding: 9}\nprobe: {size: 600}\n"
        "taps: [nothing]\ncomparisons: {across_architectures: [[{depth: 8}, {depth: 26}]]}\n"
    )
    with pytest.raises(ConfigError) as error:
        Study(check_yaml(file), [file])
    head, *lines = str(error.value).splitlines()
    # Four networks share the first three mistakes.
    assert head == "The study in study.yaml cannot be used; 5 things to correct:"
    assert [line.split(":")[0].strip() for line in lines] == [
        "line 5, training.batch_size",
        "line 5, training.crop_padding",
        "line 6, probe.size",
        "line 8, comparisons.across_architectures.0.1",
        "line 7, taps.0",
    ]


def test_several_files_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("study: x\ngrid: {depth: 9}\nmodel: {width: -1}\n")
    (tmp_path / "b.yaml").write_text("\ngrid: {depth: 10}\n")
    merged = {"study": "x", "grid": {"depth": 10}, "model": {"width": -1}}
    with pytest.raises(ConfigError) as error:
        Study(merged, [str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")])
    head, *lines = str(error.value).splitlines()
    assert head.startswith("The study in a.yaml, b.yaml cannot be used; 2 things")
    assert lines[0].startswith("  b.yaml, line 2, grid.depth: found 10;")
    assert lines[1].startswith("  a.yaml, line 3, model.width: found -1;")


@pytest.mark.parametrize(
    ("config", "found"),
    [(None, "nothing"), ({}, "nothing"), ([1], "[1]"), ("study", "'study'"), (7, "7")],
)
def test_a_configuration_without_keys(config, found):
    with pytest.raises(ConfigError) as error:
        Study(config)
    assert str(error.value) == (
        "The study in the configuration cannot be used; one thing to correct:\n"
        f"  (the whole file): found {found}; accepted are `key: value` lines, at least `study` and "
        "`grid`"
    )


def test_keys_that_are_no_text(small):
    small["grid"][True] = 1
    small["exclude"] = [{3: 4}]
    with pytest.raises(ConfigError) as error:
        Study(small)
    assert str(error.value).splitlines()[1:] == [
        "  grid: found the key true; accepted are keys that are text",
        "  exclude.0: found the key 3; accepted are keys that are text",
    ]


def test_mistakes_without_a_file_have_no_line(small):
    small["probe"] = {"size": 0}
    with pytest.raises(ConfigError, match=r"\n  probe.size: found 0; accepted is a whole number"):
        Study(small)


def test_a_default_that_nothing_compares_is_no_mistake(small):
    # comparisons.layers is [relu] by default; with one network there is nothing to compare.
    small["grid"] = {"depth": 8}
    small["taps"] = ["conv"]
    assert len(Study(small).tiles) == 1


VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from([0.5, 1e300, math.inf, math.nan, datetime.date(2026, 1, 1)])
    | st.sampled_from(["", "all", "auto", "digits", "relu", "1e-3", "1/0", "../x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["depth", "width", "source", "where", "set", "seed", "x", 7, None]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PLACES = [
    *((key,) for key in ("study", "title", "datasets", "data_root", "grid", "exclude", "include")),
    *((key,) for key in ("overrides", "data", "taps", "probe", "measures", "comparisons", 3)),
    *((key,) for key in ("keep_activations", "figures", "figure_settings", "device")),
    *(("grid", key) for key in ("dataset", "fraction", "random_labels", "seed", "flip", 3)),
    *(("training", key) for key in ("epochs", "learning_rate", "batch_size", "crop_padding")),
    *(("comparisons", key) for key in ("across_architectures", "layers", "seed_pairs")),
    ("datasets", "mine"),
    ("probe", "batch_size"),
]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_whatever_stands_in_the_file_is_used_or_refused_in_words(changes):
    config: dict = {"study": "x", "grid": {"depth": [8, 14], "seed": [0, 1]}}
    for path, value in changes:
        inner = config
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                return
        inner[path[-1]] = value
    try:
        Study(config)
    except ConfigError as error:
        text = str(error)
        assert text.startswith("The study in the configuration cannot be used; ")
        for word in ("pydantic", "Traceback", "Input should", "validation"):
            assert word not in text
