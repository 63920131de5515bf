"""What is wrong with a study's form is said in one message: line, key, found, accepted."""

import pytest
from repatlas.errors import ConfigError
from repatlas.study import Study
from repatlas.study.settings import StudySettings

HEAD = "study: small\ngrid:\n  depth: [8, 14]\n  seed: [0, 1]\n"

# One mistake each: the file, and the start of the line that the message must hold.
CASES = {
    "unknown key": (
        HEAD + "traning: {epochs: 3}",
        "line 5, traning: unknown key; did you mean 'training'? (accepted: "
        + ", ".join(sorted(StudySettings.model_fields)),
    ),
    "figure of an analysis that is not named": (
        HEAD + "figures: [best_matches]",
        "line 5, figures.0: found 'best_matches', which shows what an analysis gives that the "
        "study does not name; add 'best_matches' to `analyses`",
    ),
    "analysis without comparisons": (
        "study: small\ngrid: {depth: 8, seed: 0}\nanalyses: best_matches",
        "line 3, analyses: found 'best_matches', but no two networks are compared",
    ),
    "analysis twice": (
        HEAD + "analyses: [best_matches, best_matches]",
        "line 5, analyses: 'best_matches' is named twice",
    ),
    "analysed that match nothing": (
        HEAD + "analyses: best_matches\nanalysed: [{depth: 20}]",
        "line 6, analysed.0: {depth: 20} matches no network of the study; correct it or take the "
        "entry out",
    ),
    "unknown key in a section": (
        HEAD + "probe:\n  sise: 3",
        "line 6, probe.sise: unknown key; did you mean 'size'? (accepted: batch_size, dataset, "
        "passes, size)",
    ),
    "another library's name": (
        HEAD + "training: {weight_decay: 0.1}",
        "line 5, training.weight_decay: unknown key; the setting is called l2 and is half of "
        "torch's weight_decay (accepted: batch_size, checkpoints, colour_jitter, crop_padding, "
        "epochs, evaluate_every, flip, l2, learning_rate, momentum, pc_penalty, pc_threshold, "
        "precision, schedule, threads)",
    ),
    "checkpoints as an axis": (
        HEAD + "  checkpoints: {steps: 1}",
        "line 5, grid.checkpoints: 'checkpoints' is no axis: it belongs under `training` or, for "
        "some of the networks, under `set` in `overrides`",
    ),
    "checkpoints as a list": (
        HEAD + "training: {checkpoints: [0, 1]}",
        "line 5, training.checkpoints: found [0, 1]; accepted is a mapping (`key: value` lines), "
        "such as {epochs: [5], steps: [0, 1, 10, 30, 100]}",
    ),
    "checkpoints that are none": (
        HEAD + "training: {checkpoints: {}}",
        "line 5, training.checkpoints: it names neither `steps` nor `epochs`; name at least one",
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
    "an empty exclusion": (
        HEAD + "exclude: [{}]",
        "line 5, exclude.0: it names no setting; name at least one",
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
    "device": (
        HEAD + "device: gpu",
        "line 5, device: found 'gpu'; accepted is auto, cpu, cuda or cuda:N",
    ),
    "a folder that YAML takes for false": (
        HEAD
        + "  dataset: mine\ndatasets:\n  mine: {source: folder, path: no, size: 9, channels: 1}",
        "line 7, datasets.mine.path: found false; accepted is text",
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
def test_one_mistake_is_one_line_that_says_what_to_do(case, refused):
    text, line = CASES[case]
    head, *lines = refused(text)
    assert head == "The study in study.yaml cannot be used; one thing to correct:"
    assert lines[0].startswith(f"  {line}")
    assert lines[1:] == []


def test_all_mistakes_of_form_are_listed_at_once(refused):
    head, *lines = refused(
        "study: ../x\ngrid: {depth: 9, sed: 1}\nprobe: {size: big}\nmeasures: cca\ntitel: a\n"
    )
    assert head == "The study in study.yaml cannot be used; 6 things to correct:"
    assert [line.split(":")[0].strip() for line in lines] == [
        "line 1, study",
        "line 2, grid.depth",
        "line 2, grid.sed",
        "line 3, probe.size",
        "line 4, measures",
        "line 5, titel",
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
