"""What a study asks of the user's own code, found by running it once, before any job.

It runs in a process of its own: a study is checked without torch, and whatever the code does stays
there. What was found is kept in a folder, if one is given, until code or question change.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from repatlas.catalogue import ANALYSES, MEASURES
from repatlas.code import ROOT, code_digest
from repatlas.data.content import Description
from repatlas.errors import DataError, RepatlasError
from repatlas.files import read_json, write_json
from repatlas.locks import sole_writer
from repatlas.naming import canonical_json, digest
from repatlas.own import is_own, short
from repatlas.own_code import own_digest
from repatlas.study.grid import Run, fits
from repatlas.study.messages import Mistake, StudyError
from repatlas.study.places import place
from repatlas.study.settings import StudySettings

# Analyses that take networks apart by the stages and blocks that the built-in ones have.
OF_BLOCKS = ("linear_probes", "block_deletion")
# Tables that every study has.
TABLES = frozenset(
    {
        *("runs", "accuracy", "learning_curves", "layers", "layer_similarity", "block_metrics"),
        *("block_summary", "cross_seed", "layer_matching", "layer_matching_layers"),
        *("comparison_with_paper", "cost"),
    }
)


def examine(questions: Sequence[Mapping[str, Any]], kept: Path | None) -> list[dict[str, Any]]:
    """The answers of `repatlas examine`, in the order of the questions, each of which names the
    code that it is about as `own`. An answer with `error` is not kept.

    RepatlasError where the process ends without any.
    """
    if not questions:
        return []
    files = [_file(question, kept) for question in questions]
    answers = [read_json(file) if file and file.exists() else None for file in files]
    asked = [question for question, known in zip(questions, answers, strict=True) if not known]
    made = iter(_asked(asked) if asked else ())
    for number, known in enumerate(answers):
        if known is None:
            answers[number] = answer = next(made)
            if (file := files[number]) and "error" not in answer:
                with sole_writer(file):  # another start may have asked too
                    write_json(file, answer)
    return [answer for answer in answers if answer is not None]


def _file(question: Mapping[str, Any], kept: Path | None) -> Path | None:
    if kept is None:
        return None
    own = question["own"]
    about = [question, own_digest(own) if is_own(own) else "", code_digest("repatlas.cli.examine")]
    # As text: a null in a question counts.
    return kept / f"{short(own)}-{digest(json.dumps(about, sort_keys=True), 16)}.json"


def _asked(questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    path = [str(ROOT.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder, "answers.json")
        done = subprocess.run(
            [sys.executable, "-m", "repatlas", "examine", "--output", str(answers)],
            input=json.dumps(list(questions)),
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            check=False,
        )
        if not answers.exists():
            names = ", ".join(sorted({question["own"] for question in questions}))
            raise RepatlasError(f"{names} ended the process that runs it:\n{done.stderr.strip()}")
        return json.loads(answers.read_text(encoding="utf-8"))


def mistakes_in_functions(settings: StudySettings, kept: Path | None) -> Iterator[Mistake]:
    """The user's own measures and analyses that cannot be called, or are named like others."""
    tables = {Path(file).stem for about in ANALYSES.values() for file in about.tables}
    asked = [
        ("measures", settings.measures, ["x", "y"], {*MEASURES}),
        ("analyses", settings.analyses, ["study"], {*ANALYSES} | tables | TABLES),
    ]
    questions: list[dict[str, Any]] = []
    places: list[tuple[str, int]] = []
    for key, names, parameters, taken in asked:
        for number, name in enumerate(names):
            if not is_own(name):
                continue
            if short(name) in taken:
                yield Mistake(
                    (key, number),
                    f"found {name!r}, but {short(name)!r} is the name of another one; give yours a "
                    "name of its own",
                )
            taken.add(short(name))
            questions.append({"about": "function", "own": name, "parameters": parameters})
            places.append((key, number))
    for where, answer in zip(places, examine(questions, kept), strict=True):
        if "error" in answer:
            yield Mistake(where, answer["error"])


def describe_own(spec: Mapping[str, Any], kept: Path | None) -> Description:
    """What the data set that the user's own function makes is. DataError where it makes none."""
    (found,) = examine([{"about": "dataset", "own": spec["source"], "spec": spec}], kept)
    if "error" in found:
        raise DataError(found["error"])
    shape = tuple(found["shape"])
    return Description(shape, tuple(found["classes"]), found["n_train"], found["n_test"])


def with_layers(
    settings: StudySettings,
    runs: Sequence[Run],
    data: Mapping[str, Description],
    kept: Path | None,
) -> list[Run]:
    """The runs, those of own architectures with their layers. StudyError for code that gives no
    network, and for saved weights that do not fit. `data` describes the data sets by folder."""
    questions: dict[str, dict[str, Any]] = {}
    for run in runs:
        model = {k: v for k, v in run.spec["model"].items() if k != "checkpoint"}
        if not (is_own(model["architecture"]) or run.checkpoint):
            continue
        about = data[run.dataset]
        question = {
            "about": "network",
            "own": model["architecture"],
            "model": model,
            "shape": list(about.shape),
            "classes": len(about.classes),
            "checkpoint": run.checkpoint and str(Path(run.checkpoint).expanduser().resolve()),
            "digest": run.spec["model"].get("checkpoint"),
        }
        questions[run.name] = question
    different = {canonical_json(question): question for question in questions.values()}
    answers = dict(zip(different, examine([*different.values()], kept), strict=True))
    found = {name: answers[canonical_json(question)] for name, question in questions.items()}
    where = {"architecture": place("architecture", settings), "checkpoint": ("model", "checkpoint")}
    mistakes = [
        Mistake(where[answer["of"]], answer["error"])
        for answer in answers.values()
        if "error" in answer
    ]
    if mistakes:
        raise StudyError(mistakes)
    return [replace(run, found=found.get(run.name)) for run in runs]


def mistakes_in_own(settings: StudySettings, runs: Sequence[Run]) -> Iterator[Mistake]:
    """Settings of the built-in architectures that no network has, arguments that none takes, and
    what own architectures cannot be used for."""
    own = [run for run in runs if is_own(run.spec["model"]["architecture"])]
    if len(own) == len(runs):
        yield from _without_effect(settings, own[0].design["architecture"])
    if not own and any("arguments" in given for given in _given(settings)):
        yield Mistake(
            place("arguments", settings),
            "it has no effect, because no network is of an architecture of your own; take it out",
        )
    for run in own:
        name = run.spec["model"]["architecture"]
        if run.spec["training"].get("pc_penalty"):
            yield Mistake(
                place("pc_penalty", settings),
                f"it acts on the stages of the built-in architectures, which {name} does not have; "
                "accepted is 0 for it",
            )
    entries = [entry.given for entry in settings.analysed]
    looked_into = [run for run in own if not entries or any(fits(run, e) for e in entries)]
    for analysis in OF_BLOCKS if looked_into else ():
        if analysis in settings.analyses:
            name = looked_into[0].spec["model"]["architecture"]
            yield Mistake(
                ("analyses", settings.analyses.index(analysis)),
                f"found {analysis!r}, which is of the residual blocks of the built-in "
                f"architectures, and {name} is not one; take it out, or let `analysed` name other "
                "networks, such as [{architecture: resnet}]",
            )


def _without_effect(settings: StudySettings, name: str) -> Iterator[Mistake]:
    for setting in ("depth", "width", "init", "bn_momentum"):
        default = type(settings.model).model_fields[setting].default
        named = any(setting in given for given in _given(settings))
        if named or getattr(settings.model, setting) != default:
            yield Mistake(
                place(setting, settings),
                f"it has no effect on {name}: it is a setting of the built-in architectures. If "
                f"{name} takes one of that name, write it under `arguments`",
            )


def _given(settings: StudySettings) -> Iterator[Mapping[str, Any]]:
    """What the file sets of networks, wherever it does."""
    yield settings.grid.given
    yield from (entry.given for entry in settings.include)
    yield from (override.set.given for override in settings.overrides)
    yield {"arguments": given} if (given := settings.model.arguments) else {}
