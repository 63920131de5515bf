"""The studies that come with repatlas: they are valid, and what their comments say is so."""

import re
import time
from pathlib import Path

import jsonschema
import pytest
from repatlas.costs.plan import costs
from repatlas.layers import layers_of, select
from repatlas.study import Study
from repatlas.study.read import check_yaml
from repatlas.study.schema import study_schema

CONFIG = Path(__file__).resolve().parents[2] / "config"
# Study, networks, cells (architectures and shares of the data).
COUNTS = {
    "config.yaml": ("default", 21, 7),
    "studies/smoke.yaml": ("smoke", 4, 2),
    "studies/cifar10-smoke.yaml": ("cifar10-smoke", 4, 2),
    "studies/layer-matching.yaml": ("layer-matching", 10, 2),
    "studies/layer-matching-cifar10.yaml": ("layer-matching-cifar10", 5, 1),
    "studies/cifar10-sixteenth.yaml": ("cifar10-sixteenth", 9, 3),
    "studies/cifar10-sixteenth-larger.yaml": ("cifar10-sixteenth-larger", 2, 2),
    "studies/cifar10-candidates.yaml": ("cifar10-candidates", 7, 7),
    "studies/cifar10-sixteenth-paper.yaml": ("cifar10-sixteenth-paper", 120, 12),
    "studies/cifar10-paper.yaml": ("cifar10-paper", 480, 48),
    "studies/cifar10-no-residual.yaml": ("cifar10-no-residual", 50, 5),
    "studies/precision.yaml": ("precision", 8, 2),
    "studies/precision-cifar10.yaml": ("precision-cifar10", 2, 2),
    "studies/cifar10-larger-steps.yaml": ("cifar10-larger-steps", 2, 2),
    "studies/dynamics.yaml": ("dynamics", 12, 6),
    "studies/default-full.yaml": ("default-full", 49, 8),
    "studies/cifar10-interventions.yaml": ("cifar10-interventions", 200, 20),
    "studies/cifar100-paper.yaml": ("cifar100-paper", 530, 53),
}


def load(name):
    return Study(check_yaml(CONFIG / name), [str(CONFIG / name)])


@pytest.fixture(scope="module")
def studies():
    return {name: load(name) for name in COUNTS}


def test_every_shipped_file_is_counted_here_and_in_the_manual():
    found = {"config.yaml"} | {f"studies/{path.name}" for path in CONFIG.glob("studies/*.yaml")}
    assert found == set(COUNTS)
    manual = (CONFIG / "README.md").read_text(encoding="utf-8")
    for name, (study, networks, _) in COUNTS.items():
        assert re.search(rf"\({re.escape(name)}\) \| `{study}`: .* \| {networks} \|", manual), name


@pytest.mark.parametrize("name", COUNTS)
def test_a_shipped_study_is_valid_and_has_so_many_networks(name, studies):
    study, networks, cells = COUNTS[name]
    made = studies[name]
    assert made.name == study
    assert len(made.runs) == networks
    assert len({run.group for run in made.runs}) == cells
    jsonschema.Draft202012Validator(study_schema()).validate(check_yaml(CONFIG / name))


@pytest.mark.parametrize("name", COUNTS)
def test_a_shipped_file_opens_with_what_it_is(name):
    text = (CONFIG / name).read_text(encoding="utf-8")
    up = "../" * (name.count("/") + 1)
    first = f"# yaml-language-server: $schema={up}workflow/schemas/study.schema.json"
    assert text.splitlines()[0] == first
    opening = text.split("\nstudy:")[0]
    assert all(line.startswith("#") for line in opening.splitlines())


@pytest.mark.parametrize("name", COUNTS)
def test_the_opening_says_what_it_costs(name):
    opening = (CONFIG / name).read_text(encoding="utf-8").split("\nstudy:")[0]
    assert "What it is: " in opening
    assert "What it costs: " in opening


def gram_bytes(study):
    """Size of all Gram stores: float32 pairs and float64 diagonals of every batch and layer."""
    total = 0
    for run in study.runs:
        probe = study.probes[run.name]
        b, batches = probe.batch_size, probe.size // probe.batch_size * probe.passes
        layers = select(layers_of(run.spec["model"]), probe.taps)
        total += len(layers) * batches * (b * (b - 1) // 2 * 4 + b * 8)
    return total


LARGE = [
    "cifar10-sixteenth-paper",
    "cifar10-paper",
    "cifar10-no-residual",
    "cifar10-interventions",
    "cifar100-paper",
]


@pytest.mark.parametrize("study", LARGE)
def test_the_stated_hours_are_those_of_the_plan(study, studies):
    text = (CONFIG / f"studies/{study}.yaml").read_text(encoding="utf-8").replace("\n# ", " ")
    stated = float(re.search(r"([\d,]+) hours of a GPU that sustains 20 TFLOP/s", text)[1])
    hours = (
        sum(cost.seconds or 0 for cost in costs(studies[f"studies/{study}.yaml"], "cuda")) / 3600
    )
    assert stated == pytest.approx(hours, rel=0.05)


@pytest.mark.parametrize("study", LARGE)
def test_the_stated_size_of_the_grams_is_right(study, studies):
    name = f"studies/{study}.yaml"
    text = (CONFIG / name).read_text(encoding="utf-8").replace("\n# ", " ")
    number, unit = re.search(r"([\d.]+) (TB|GB) for the Gram matrices", text).groups()
    stated = float(number) * {"TB": 1e12, "GB": 1e9}[unit]
    assert stated == pytest.approx(gram_bytes(studies[name]), rel=0.02)


def test_studies_share_their_networks(studies):
    sixteenth = set(studies["studies/cifar10-sixteenth-paper.yaml"].by_name)
    paper = set(studies["studies/cifar10-paper.yaml"].by_name)
    assert "cifar10-resnet-d38-w1-f0.0625-s0-71bdb38b" in paper & sixteenth
    assert {name.split("-s")[0] for name in sixteenth - paper} == {"cifar10-resnet-d14-w1-f0.0625"}
    # The column that two cores can train is a part of the other, but for the network that is also
    # saved on its way, and has the same probe.
    columns = [studies[f"studies/cifar10-sixteenth{name}.yaml"] for name in ("", "-paper")]
    assert {name.split("-s")[0] for name in set(columns[0].by_name) - sixteenth} == {
        "cifar10-resnet-d38-w1-f0.0625"
    }
    one, other = ({probe.id for probe in study.probes.values()} for study in columns)
    assert one == other


def cells(study, fraction):
    """Depths and widths at one share of the data."""
    designs = [run.design for run in study.runs]
    return {(d["depth"], d["width"]) for d in designs if d["fraction"] == fraction}


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_the_papers_grid_and_protocol(dataset, studies):
    study = studies[f"studies/{dataset}-paper.yaml"]
    whole = {
        (r.design["depth"], r.design["width"]) for r in study.runs if r.design["fraction"] == 1
    }
    deep = {32, 44, 56, 110, 164} | ({218, 224} if dataset == "cifar100" else {62})
    wide = {(d, w) for d in (14, 20, 26, 38) for w in (1, 2, 4, 8, 10)}
    assert whole == wide | {(d, 1) for d in deep}
    for fraction in (0.25, 0.0625):
        assert cells(study, fraction) == {(38, w) for w in (1, 2, 4, 8, 10)} | {
            (d, 1) for d in {26, *deep} - {62}
        }
    assert {r.design["seed"] for r in study.runs} == set(range(10))
    training = {tuple(sorted(r.spec["training"].items())) for r in study.runs}
    protocol = {
        "batch_size": 128,
        "crop_padding": 4,
        "epochs": 300,
        "flip": True,
        "l2": 0.001,
        "learning_rate": 0.01,
        "momentum": 0.9,
        "precision": "float32",
        "schedule": "cosine",
        "threads": 1,
    }
    expected = [protocol | {"evaluate_every": 1}]
    if dataset == "cifar10":  # 1/16 of the images
        expected.append(protocol | {"evaluate_every": 10, "l2": 0.005})
    assert training == {tuple(sorted(settings.items())) for settings in expected}
    assert {(p.size, p.batch_size, p.passes, p.taps) for p in study.probes.values()} == {
        (10_000, 256, 10, ("all",))
    }
    across = [(t.a.split("-f")[0], t.b.split("-f")[0]) for t in study.tiles if t.a != t.b]
    net = f"{dataset}-resnet-"
    assert across == [(f"{net}d14-w2", f"{net}d56-w1"), (f"{net}d14-w2", f"{net}d164-w1")]
    # 10 within and 20 of 45 pairs of seeds; 20 of 100 across.
    assert {len(t.pairs) for t in study.tiles if t.a == t.b} == {30}
    assert {len(t.pairs) for t in study.tiles if t.a != t.b} == {20}


def test_the_networks_without_residual_connections_are_the_papers(studies):
    """Fig. C.1: its heat maps have 115 rows; protocol and probe are those of the whole grid."""
    plain = studies["studies/cifar10-no-residual.yaml"]
    paper = {r.design["width"]: r for r in studies["studies/cifar10-paper.yaml"].runs}
    assert cells(plain, 1) == {(38, width) for width in (1, 2, 4, 8, 10)}
    for run in plain.runs:
        assert len(layers_of(run.spec["model"])) == 115
        twin = {**run.spec["model"], "architecture": "resnet"}
        assert twin | {"depth": 0} == paper[run.design["width"]].spec["model"] | {"depth": 0}
        assert run.spec["training"] in [r.spec["training"] for r in paper.values()]
    assert {p.id for p in plain.probes.values()} <= {
        p.id for p in studies["studies/cifar10-paper.yaml"].probes.values()
    }


def test_the_default_leaves_the_costliest_cells_out(studies):
    assert cells(studies["config.yaml"], 1) == {
        (8, 1),
        (8, 2),
        (8, 4),
        (20, 1),
        (20, 2),
        (38, 1),
        (38, 2),
    }


def test_the_largest_study_is_understood_in_no_time():
    config = check_yaml(CONFIG / "studies/cifar100-paper.yaml")
    start = time.process_time()
    study = Study(config)
    assert len(study.probes) == len(study.runs) == 530
    assert time.process_time() - start < 1.5


def test_a_study_of_750_networks_that_compares_all_is_understood_in_no_time():
    config = {
        "study": "large",
        "grid": {
            "dataset": "cifar10",
            "fraction": [1, 0.25, 0.0625],
            "depth": [14, 20, 26, 32, 38],
            "width": [1, 2, 4, 8, 10],
            "seed": list(range(10)),
        },
        "comparisons": {"across_architectures": "all"},
    }
    start = time.process_time()
    study = Study(config)
    assert len(study.runs) == 750
    assert len(study.tiles) == 75 + 75 * 74 // 2
    assert time.process_time() - start < 8
