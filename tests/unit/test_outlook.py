"""The plan of a start: counts of what is missing, time by earlier trainings, disk."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repatlas.cli import main
from repatlas.costs.measured import slowness
from repatlas.costs.outlook import Machine, outlook, this_machine
from repatlas.costs.plan import costs
from repatlas.study import Study

CONFIG = {
    "study": "plan",
    "grid": {"dataset": "digits", "depth": [8, 14], "seed": [0, 1]},
    "training": {"epochs": 3, "batch_size": 64},
    "probe": {"size": 256, "batch_size": 64},
}


@pytest.fixture
def study():
    return Study(CONFIG)


def machine(results: Path, cores: int = 2) -> Machine:
    return Machine(results, 0, cores, 10**12)


def seconds(lines: list[str]) -> float:
    (value, unit) = re.search(r"about ([\d.]+) (s|min|h) on", "\n".join(lines)).groups()
    return float(value) * {"s": 1, "min": 60, "h": 3600}[unit]


def test_only_what_is_missing_counts(study, tmp_path):
    run = study.runs[0].name
    made = {
        f"results/runs/{run}/status.json",
        *(f"results/similarity/{t.measure}/{t.name}.parquet" for t in study.tiles),
    }
    text = "\n".join(outlook(study, machine(tmp_path), made.__contains__))
    assert "to train      3 of 4 networks" in text
    assert "to read out   4 of 4 networks" in text
    assert "to compare    0 of 6 pairs of networks, in 0 of 2 jobs" in text
    assert "1.0 TB are free" in text


def test_analyses_have_their_time_and_those_without_are_named(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def counted(study):\n    return None\n")
    monkeypatch.chdir(tmp_path)
    names = ["block_deletion", "linear_probes", "mine.py:counted"]
    study = Study({**CONFIG, "analyses": names})
    made = {f"results/{study.artifact('linear_probes', r.name)}" for r in study.runs[:3]}
    made |= {f"results/{study.artifact('block_deletion', r.name)}" for r in study.runs}
    lines = outlook(study, machine(tmp_path, 1), made.__contains__)
    text = "\n".join(lines)
    assert "to analyse    0 of 4 networks: block_deletion\n" in text
    one = next(c.seconds for c in costs(study) if c.rule == "linear_probes")
    shown = re.search(r"to analyse    1 of 4 networks: linear_probes, (\d+) s of one core", text)
    assert one / 2 < int(shown[1]) < 2 * one
    assert "without the analysis counted: their time is not known" in text
    without = outlook(Study(CONFIG), machine(tmp_path, 1), lambda path: False)
    every = outlook(study, machine(tmp_path, 1), lambda path: False)
    assert seconds(every) > seconds(without) + 4 * one
    own = "results/studies/plan/tables/counted.csv"
    done = outlook(study, machine(tmp_path, 1), lambda path: path != own)
    assert "Everything is there." not in done


def test_what_is_made_from_stores_takes_a_core_beside_gpus(tmp_path):
    study = Study({**CONFIG, "analyses": ["cka_without_pc1", "block_deletion"]})
    lines = outlook(study, Machine(tmp_path, 1, 4, 10**12), lambda path: False)
    units = {line.split()[-1] for line in lines if "to analyse" in line}
    (without,) = [line for line in lines if "cka_without_pc1" in line]
    assert without.endswith("of one core")
    assert units == {"core", "GPU"}


def test_jobs_without_torch_do_not_wait_for_a_gpu(tmp_path):
    """Only figures left: sixteen cores draw them, one GPU or not. Training does wait."""
    study = Study(CONFIG)

    def time(cores, gpus, made):
        return seconds(outlook(study, Machine(tmp_path, gpus, cores, 10**12), made))

    assert len(study.figures) > 2

    def all_but_figures(path):
        return "/figures/" not in path

    assert time(16, 1, all_but_figures) == pytest.approx(time(16, 4, all_but_figures))
    assert time(16, 1, all_but_figures) < 0.7 * time(1, 1, all_but_figures)
    assert time(16, 1, lambda path: False) > 2 * time(16, 4, lambda path: False)


@pytest.mark.parametrize(
    ("settings", "gpus"),
    [
        ({"device": "auto"}, 4),
        ({"device": "cuda", "jobs_per_gpu": 4}, 4),
        ({"device": "cuda:1", "jobs_per_gpu": 4}, 1),
        ({"device": "cpu"}, 0),
    ],
)
def test_jobs_compute_on_as_many_gpus_as_there_are_for_them(settings, gpus, monkeypatch):
    """Sharing a GPU makes no more of them, and a named one is the same for every job."""
    monkeypatch.setattr("repatlas.costs.outlook.cuda_devices", lambda: 4)
    found = this_machine(Study({**CONFIG, **settings}), 16)
    assert (found.gpus, found.cores) == (gpus, 16)
    assert found.device == ("cuda" if gpus else "cpu")
    assert this_machine(Study({**CONFIG, **settings}), 2).gpus == min(gpus, 2)


def test_jobs_are_counted(tmp_path):
    """Four networks trained and read out, two probed, and two tiles; no tables, no figures."""
    study = Study({**CONFIG, "analyses": ["linear_probes"], "analysed": [{"depth": 8}]})
    jobs = "\n".join(outlook(study, machine(tmp_path), lambda path: False))
    assert "jobs          12, besides those of data, tables and figures" in jobs
    only_tables = outlook(study, machine(tmp_path), lambda path: "/studies/" not in path)
    assert "jobs          0, besides" in "\n".join(only_tables)


def test_what_takes_cores_more_than_a_day_is_told_in_hours_of_an_assumed_gpu_too(tmp_path):
    large = {"dataset": "cifar10", "depth": 38, "width": 10}
    config = {**CONFIG, "grid": large, "training": {"epochs": 300}, "keep_activations": False}

    def hours(here=None, **settings):
        study = Study({**config, **settings})
        lines = outlook(study, here or machine(tmp_path), lambda path: False)
        pattern = r"or about ([\d.,]+) GPU hours, of a GPU that sustains 20 TFLOP/s \(assumed\)"
        return re.findall(pattern, "\n".join(lines))

    (found,) = hours()
    with_torch = ("train", "extract")
    seconds = sum(c.seconds for c in costs(Study(config), "cuda") if c.rule in with_torch)
    assert float(found) == pytest.approx(seconds / 3600, rel=0.05)
    # 50,000 images, 300 epochs, three passes of 8,288 million multiply-adds.
    assert float(found) == pytest.approx(5e4 * 300 * 6 * 8.288e9 / 2e13 / 3600, rel=0.1)
    assert not hours(Machine(tmp_path, 1, 2, 10**12)), "it has one"
    assert not hours(device="cpu"), "it wants none"
    assert not hours(grid=CONFIG["grid"], training=CONFIG["training"]), "it takes minutes"


def test_a_network_without_the_activations_that_are_kept_is_read_out_again(tmp_path):
    study = Study({**CONFIG, "keep_activations": True})
    text = "\n".join(outlook(study, machine(tmp_path), lambda path: "/activations/" not in path))
    assert "to read out   4 of 4 networks" in text


def test_disk_says_mostly_only_of_what_is_most(tmp_path):
    study = Study({**CONFIG, "keep_activations": False})

    def disk(made):
        (line,) = [k for k in outlook(study, machine(tmp_path), made) if k.startswith("  disk")]
        return line

    assert "mostly Gram matrices; " in disk(lambda path: "/grams/" not in path)
    assert "less than 1 MB; " in disk(lambda path: "/figures/" not in path)
    assert re.search(r"about \d+ MB; ", disk(lambda path: "/runs/" not in path))


def test_nothing_to_do_is_said(study, tmp_path):
    assert outlook(study, machine(tmp_path), lambda path: True)[-1] == "Everything is there."


def test_earlier_trainings_set_the_speed(study, tmp_path):
    """One training ten times as slow as the laws say makes everything ten times as long."""
    assert slowness(tmp_path, "cpu") == (1.0, 0)
    before = seconds(outlook(study, machine(tmp_path, 1), lambda path: False))
    run = study.runs[0]
    expected = next(c.seconds for c in costs(study) if c.rule == "train" and c.job == run.name)
    folder = tmp_path / "runs" / run.name
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(run.spec))
    (folder / "hardware.json").write_text('{"device": "cpu"}')
    benchmark = tmp_path / "benchmarks/train" / f"{run.name}.jsonl"
    log = tmp_path / "logs/train" / f"{run.name}.log"
    for path in (benchmark, log):
        path.parent.mkdir(parents=True)
    benchmark.write_text(json.dumps({"s": 10 * expected + 500}) + "\n")
    # It waited for a GPU first.
    log.with_suffix(".gpu.json").write_text('{"waited_seconds": 500}')
    log.write_text("epoch 3/3")
    factor, n = slowness(tmp_path, "cpu")
    assert (factor, n) == (pytest.approx(10), 1)
    assert slowness(tmp_path, "cuda") == (1.0, 0), "another device says nothing"
    lines = outlook(study, machine(tmp_path, 1), lambda path: False)
    # Figures are drawn at the usual speed.
    assert 5 * before < seconds(lines) < 10.5 * before
    assert "by 1 earlier training here" in "\n".join(lines)
    # The time of one that was interrupted is that of its last part.
    log.write_text(f"{run.name}: continues after epoch 2\nepoch 3/3")
    assert slowness(tmp_path, "cpu") == (1.0, 0)


def test_the_command_prints_and_makes_nothing(tmp_path, monkeypatch, capsys):
    file = tmp_path / "study.yaml"
    file.write_text(json.dumps(CONFIG))
    monkeypatch.chdir(tmp_path)
    assert main(["plan", "--configfile", str(file), "--cores", "3"]) == 0
    printed = capsys.readouterr().out
    assert "Study plan" in printed
    assert "on 3 cores" in printed
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("cores", ["abc", "0", "-1", "1.5", ""])
def test_cores_that_are_no_number_are_refused(cores, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--configfile", "study.yaml", f"--cores={cores}"])
    assert ended.value.code == 2
    assert f"found {cores!r}; accepted are `all` and 1 or more" in capsys.readouterr().err


def test_it_imports_nothing_heavy_and_no_more_does_the_report():
    code = "import repatlas.costs.outlook, repatlas.report.pages, sys; "
    code += "sys.exit(bool({'torch', 'matplotlib'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
