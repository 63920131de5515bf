"""What a study's parts do not allow each other is said in one message, before any data is read."""

import pytest
from repatlas.study import Study
from repatlas.study.read import check_yaml

HEAD = "study: small\ngrid:\n  depth: [8, 14]\n  seed: [0, 1]\n"

# One mistake each: the file, and the start of the line that the message must hold.
CASES = {
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
    "a checkpoint after the end": (
        HEAD + "training:\n  epochs: 3\n  checkpoints: {steps: [0, 31], epochs: [3]}",
        "line 7, training.checkpoints.steps: found 31, but a network trains for 3 epochs of 10 "
        "steps; accepted are steps up to 30",
    ),
    "a checkpoint after the last epoch": (
        HEAD + "overrides:\n  - where: {depth: 8}\n    set: {checkpoints: {epochs: [1, 400]}}",
        "line 7, overrides.0.set.checkpoints.epochs: found 400, but a network trains for 300 "
        "epochs of 10 steps; accepted are epochs up to 300",
    ),
    "no checkpoints for the dynamics": (
        HEAD + "analyses: dynamics",
        "line 5, analyses: found 'dynamics', but no network is saved on its way; it needs "
        "checkpoints, such as `training: {checkpoints: {steps: [0, 1, 10, 30, 100]}}`",
    ),
    "dynamics of layers that no network has": (
        HEAD + "training: {checkpoints: {steps: 0}}\nanalyses: dynamics\ndynamics: {layers: rleu}",
        "line 7, dynamics.layers: 'rleu' matches no layer; accepted are all, residual, a kind",
    ),
    "dynamics of layers that a plain network lacks": (
        HEAD + "  architecture: [resnet, cnn]\ntraining: {checkpoints: {steps: 0}}\n"
        "analyses: dynamics\ndynamics: {layers: residual}",
        "line 8, dynamics.layers: found ['residual'], of which some network that is saved on its "
        "way has none; add an entry that it has, such as relu",
    ),
    "colours of grey images": (
        HEAD + "  colour_jitter: [0, 1]",
        "line 5, grid.colour_jitter: found 1, but the images of digits are grey; accepted is 0, "
        "or a data set in colour",
    ),
    "a threshold of no penalty": (
        HEAD + "training: {pc_threshold: 0.3}",
        "line 5, training.pc_threshold: it has no effect, because no network has `pc_penalty`; "
        "take it out",
    ),
    "interventions where none varies": (
        HEAD + "figures: [interventions]",
        "line 5, figures.0: found 'interventions', but all networks are trained with the same "
        "pc_penalty, colour_jitter, batch_size; let `grid` vary one of them",
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
    "exclude_runs names none": (
        HEAD + "exclude_runs: [digits-resnet-d8]",
        "line 5, exclude_runs.0: found 'digits-resnet-d8'; accepted are names of networks of the "
        "study, as the column `run` of its tables has them; did you mean 'digits-resnet-d8-",
    ),
    "an override of nothing": (
        HEAD + "overrides: [{where: {depth: 20}, set: {epochs: 3}}]",
        "line 5, overrides.0.where: {depth: 20} matches no network of the study; correct it or "
        "take the entry out",
    ),
    "a measure without activations": (
        HEAD + "keep_activations: false\nmeasures: [cka_minibatch, svcca]",
        "line 6, measures.1: 'svcca' is computed from activations, but `keep_activations` is "
        "false; accepted is cka_minibatch, or `keep_activations: true`",
    ),
    "figure setting that no network has": (
        HEAD + "figure_settings:\n  accuracy:\n    depth: 20",
        "line 7, figure_settings.accuracy.depth: found 20, which no network of the study has; "
        "accepted is 8, 14",
    ),
    "seed that no network has": (
        HEAD + "figure_settings:\n  within_by_depth:\n    seed: 77",
        "line 7, figure_settings.within_by_depth.seed: found 77, which no network of the study has",
    ),
    "measure that the study lacks": (
        HEAD + "figure_settings:\n  block_metrics:\n    measure: cka",
        "line 7, figure_settings.block_metrics.measure: found 'cka'; accepted is a measure of the "
        "study: cka_minibatch",
    ),
    "layers that no network has": (
        HEAD + "figure_settings:\n  within_by_depth:\n    layers: rleu",
        "line 7, figure_settings.within_by_depth.layers: 'rleu' matches no layer; accepted are",
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
    "layers that a plain network lacks, and none that it has": (
        HEAD + "  architecture: [resnet, cnn]\ntaps: residual\ncomparisons: {across_seeds: false}",
        "line 6, taps: found 'residual', but a network of architecture 'cnn' has no such layer, so "
        "that nothing of it would be read out; add an entry that it has, such as relu",
    ),
    "compared layers that a plain network lacks": (
        HEAD + "  architecture: [resnet, cnn]\ncomparisons: {layers: residual}",
        "line 6, comparisons.layers: found 'residual', but a network of architecture 'cnn' has no "
        "such layer, so that nothing of it would be compared; add an entry that it has",
    ),
    "a layer that no network has": (
        HEAD + "  architecture: cnn\ntaps: [relu, add]",
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
    "probes whose matrices do not fit into memory": (
        "study: x\ngrid:\n  dataset: cifar10\n  width: [1, 10]\n  fraction: [0.0625, 1]\n"
        "  seed: [0, 1]\nanalyses: linear_probes\nlinear_probes: {method: ridge}",
        "line 8, linear_probes: a layer of cifar10-resnet-d14-w10-f1-s0-",
    ),
    "probes in batches larger than the training set": (
        HEAD + "  fraction: 0.1\ntraining: {batch_size: 32}\nanalyses: linear_probes\n"
        "linear_probes:\n  method: sgd\n  batch_size: 129",
        "line 10, linear_probes.batch_size: found 129, but fraction 0.1 of digits is 128 training "
        "images; accepted is at most 128",
    ),
    "an option of the other kind of probe": (
        HEAD + "analyses: linear_probes\nlinear_probes: {epochs: 3}",
        "line 6, linear_probes: `epochs` has no effect with `method: ridge`; take it out, or write "
        "`method: sgd`",
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
}


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_is_one_line_that_says_what_to_do(case, refused):
    text, line = CASES[case]
    head, *lines = refused(text)
    assert head == "The study in study.yaml cannot be used; one thing to correct:"
    assert lines[0].startswith(f"  {line}")
    # Only a message about a missing folder goes on to a second line.
    assert all(more.startswith("    ") for more in lines[1:])


def test_all_mistakes_of_content_are_listed_at_once_and_once(refused):
    head, *lines = refused(
        HEAD + "training: {batch_size: 2000, crop_padding: 9}\nprobe: {size: 600}\n"
        "taps: [nothing]\ncomparisons: {across_architectures: [[{depth: 8}, {depth: 26}]]}\n"
    )
    # Four networks share the first three mistakes.
    assert head == "The study in study.yaml cannot be used; 5 things to correct:"
    assert [line.split(":")[0].strip() for line in lines] == [
        "line 5, training.batch_size",
        "line 5, training.crop_padding",
        "line 6, probe.size",
        "line 8, comparisons.across_architectures.0.1",
        "line 7, taps.0",
    ]


def test_a_default_that_nothing_compares_is_no_mistake(small):
    # comparisons.layers is [relu] by default; with one network there is nothing to compare.
    small["grid"] = {"depth": 8}
    small["taps"] = ["conv"]
    assert len(Study(small).tiles) == 1


@pytest.mark.parametrize(
    "text",
    [
        "  fraction: 0.05\ntraining: {batch_size: 64}",
        "probe: {size: 512, batch_size: 512}",
        "taps: [relu, stage1.block2.conv1]",
        "  dataset: cifar10\n  width: 10\n  fraction: 0.0625\nanalyses: linear_probes",
        "  dataset: cifar10\n  width: 2\nanalyses: linear_probes\nlinear_probes: {pool: 2}",
        "training: {crop_padding: 7}",
        "  fraction: 0.999\ndata: {evaluate_on: held_out}",
        "  width: 0.0625",
        "probe: {dataset: digits}",
        "keep_activations: false",
    ],
)
def test_the_limits_themselves_are_accepted(text, written):
    file = written(HEAD + text)
    assert len(Study(check_yaml(file), [file]).runs) == 4


@pytest.mark.parametrize(
    "more",
    [
        "taps: [relu, residual]",
        "taps: [bn, add]\ncomparisons: {across_architectures: all, layers: [bn, add]}",
    ],
)
def test_networks_with_and_without_residual_connections_stand_in_one_study(more, written):
    file = written(HEAD + "  architecture: [resnet, cnn]\n" + more)
    study = Study(check_yaml(file), [file])
    assert {run.design["architecture"] for run in study.runs} == {"resnet", "cnn"}
