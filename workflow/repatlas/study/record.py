"""A study as plain data, for the jobs and the people that read it later."""

from pathlib import Path
from typing import Any

from repatlas.catalogue import ANALYSES
from repatlas.study.study import Study


def config_record(study: Study) -> dict[str, Any]:
    """The effective configuration: what the file says, with every default filled in."""
    return study.settings.model_dump(mode="json")


def grid_record(study: Study, results: str = "results") -> dict[str, Any]:
    """What the tables are made of: every network with its design columns and probe, the names of
    the design columns, the paths of all tiles and of what analyses make of each network, and the
    jobs whose cost counts as the study's."""
    runs = [
        {
            "run": run.name,
            "group": run.group,
            **run.design,
            "probe": study.probes[run.name].id,
            "dataset_folder": run.dataset,
            "probe_folder": study.probes[run.name].dataset,
        }
        for run in study.runs
    ]
    tiles: dict[str, list[str]] = {}
    for tile in study.tiles:
        tiles.setdefault(tile.label, []).append(
            f"{results}/similarity/{tile.measure}/{tile.name}.parquet"
        )
    artifacts = {
        name: {run: f"{results}/{study.artifact(name, run)}" for run in study.analysed(name)}
        for name in study.analyses
        if ANALYSES[name].artifact
    }
    probes = sorted({f"{probe.dataset}-{probe.size}" for probe in study.probes.values()})
    own = ["network_tables", "similarity_tables"]
    own += [f"{name}_table" for name in study.analyses]
    own += [f"own_analysis-{name}" for name in study.own_analyses]
    own += [f"figure-{name}" for name in study.figures]
    jobs = {
        "data": list(study.datasets),
        "probe": probes,
        "train": [run.name for run in study.runs if not run.checkpoint],
        "load_checkpoint": [run.name for run in study.runs if run.checkpoint],
        "extract": [f"{name}--{probe.id}" for name, probe in study.probes.items()],
        "similarity": [f"{tile.measure}/{tile.name}" for tile in study.tiles],
        **{name: [Path(path).stem for path in of.values()] for name, of in artifacts.items()},
        "studies": [f"{study.name}/{name}" for name in own],
    }
    return {
        "runs": runs,
        "design": list(study.runs[0].design),
        # Pairs, not a mapping: the order of the measures is the study's.
        "tiles": [[measure, paths] for measure, paths in tiles.items()],
        "artifacts": artifacts,
        "prediction_pairs": [list(pair) for pair in study.prediction_pairs],
        "jobs": jobs,
    }
