"""Small studies with known values, in the form in which the workflow leaves its tables."""

import itertools
import json
import shutil

import numpy as np
import pandas as pd
from component_tables import write_components
from dynamics_tables import write_dynamics
from frozen_tables import write_frozen
from repatlas.analysis.best_matches import best_match_table
from repatlas.analysis.design import Grid
from repatlas.files import checked_file
from repatlas.layers import layers_of

DESIGN = ["dataset", "fraction", "architecture", "depth", "width", "seed"]
MEASURE = "cka_minibatch"


def similarity(a, b, i, j, n_a, n_b):
    """The known similarity of layer i of n_a in network a with layer j of n_b in network b: falls
    with the distance in relative depth, and from seed to seed; a block in the wider networks."""
    x, y = i / max(n_a - 1, 1), j / max(n_b - 1, 1)
    value = np.exp(-2.5 * abs(x - y))
    if a["run"] == b["run"] and i == j:
        return 1.0
    if a["width"] > 1 and b["width"] > 1 and 0.4 <= x <= 0.75 and 0.4 <= y <= 0.75:
        value = 0.97
    value *= 0.8 if a["seed"] != b["seed"] else 0.99
    # Not symmetric between networks, so that a matrix turned by mistake is another.
    return value if a["run"] == b["run"] else value - 0.05 * x


def make_study(
    folder,
    depths=(8, 14),
    widths=(1.0, 2.0),
    fractions=(1.0,),
    seeds=(0, 1),
    diverged=(),
    dead=(),
    extra=None,
    across="all",
    architectures=("resnet",),
    evaluate_on="test",
):
    """Write the tables of a study below `folder` and return its path.

    diverged: (depth, width, seed) of networks that failed; dead: names of layers without values;
    extra: a further axis of the grid, (name, values); across: `all` or `none`; architectures:
    resnet, cnn; evaluate_on: `test` or `held_out`, the images behind the accuracies.
    """
    name, values = extra or ("learning_rate", (None,))
    design = [*DESIGN, name] if extra else DESIGN
    rows = []
    for f, net, d, w, x, s in itertools.product(
        fractions, architectures, depths, widths, values, seeds
    ):
        stem = f"digits-{net}-d{d}-w{w:g}-f{f:g}" + (f"-x{x}" if extra else "")
        ok = (d, w, s) not in diverged
        accuracy = 0.9 + 0.01 * np.log2(w) + 0.001 * d + 0.002 * s - 0.1 * (1 - f)
        rows.append(
            {
                "run": f"{stem}-s{s}-{d:02d}{int(w * 10):02d}{s:04d}",
                "group": f"{stem}-{d:04d}{int(w * 10):04d}",
                **dict(dataset="digits", fraction=f, architecture=net, depth=d, width=w),
                "seed": s,
                **({name: x} if extra else {}),
                "probe": "digits-n512-b64-p1-481d85b1",
                "status": "completed" if ok else "diverged",
                "reason": "" if ok else "training loss is nan at epoch 2",
                **dict(epochs=3 if ok else 2, steps=30, train_examples=1285),
                "parameters": int(1000 * d * w * w),
                "train_loss": 0.1 if ok else np.nan,
                "train_accuracy": 0.99 if ok else np.nan,
                "test_loss": 0.2 if ok else np.nan,
                "test_accuracy": accuracy if ok else np.nan,
                "evaluated_on": evaluate_on,
            }
        )
    runs = pd.DataFrame(rows)
    tables = folder / "results" / "studies" / "made" / "tables"
    tables.mkdir(parents=True)
    (tables.parent / "config.json").write_text(json.dumps({"study": "made", "title": "Made"}))
    for row in rows:
        path = folder / "results" / "runs" / row["run"]
        path.mkdir(parents=True)
        np.save(path / "test_logits.npy", np.full((4, 10), row["seed"], dtype=np.float32))
    layers = {row["run"]: layers_of(row) for row in rows}
    pairs = _pairs(runs, layers, design, dead, across)
    _write(tables, runs, layers, design, dead, pairs)
    write_frozen(tables, runs, design)
    write_dynamics(tables, runs, design)
    write_components(tables, runs, design)
    if (runs["status"] == "completed").sum() > 1:
        tile = folder / "tile.parquet"
        with checked_file(tile) as partial:
            shutil.copy(tables / "layer_similarity.parquet", partial)
        grid = Grid(runs, design, {MEASURE: [str(tile)]})
        matches = best_match_table(grid, pd.read_parquet(tables / "layers.parquet"))
        matches.to_csv(tables / "best_matches.csv", index=False)
    return tables.parent


def _pairs(runs, layers, design, dead, across):
    done = runs[runs["status"] == "completed"].to_dict("records")
    frames = []
    for a, b in itertools.combinations_with_replacement(done, 2):
        if a["group"] != b["group"] and across == "none":
            continue
        names = [layers[run["run"]] for run in (a, b)]
        rows = [
            {
                **dict(layer_a=p.name, layer_b=q.name, index_a=i, index_b=j),
                **dict(kind_a=p.kind, kind_b=q.kind),
                "value": np.nan
                if {p.name, q.name} & set(dead)
                else similarity(a, b, i, j, len(names[0]), len(names[1])),
            }
            for (i, p), (j, q) in itertools.product(*map(enumerate, names))
            if a["run"] == b["run"] or p.kind == q.kind == "relu"
        ]
        frame = pd.DataFrame(rows)
        head = {"measure": MEASURE, "run_a": a["run"], "run_b": b["run"]}
        head |= {"group_a": a["group"], "group_b": b["group"]}
        head |= {f"{c}_{s}": run[c] for s, run in (("a", a), ("b", b)) for c in design}
        for position, (column, value) in enumerate(head.items()):
            frame.insert(position, column, value)
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    table["se"] = table["value"] / 100
    table["n_batches"] = 8
    table["reason"] = np.where(table["value"].isna(), "layer_a is dead", "")
    for column in table.select_dtypes(exclude="number").columns:
        table[column] = table[column].astype(str).astype("category")
    return table


def _write(tables, runs, layers, design, dead, pairs):
    shared = [axis for axis in design if axis != "seed"]
    groups = runs[["group", *shared]].drop_duplicates("group")
    runs.to_csv(tables / "runs.csv", index=False)
    parts = [
        pd.DataFrame(layers[row["run"]], columns=["layer", "kind"])
        .assign(**{c: row[c] for c in ["run", "group", *design]})
        .reset_index(names="index")
        .assign(shape="4x8x8", features=256)
        .assign(relative_depth=lambda t: t["index"] / t["index"].max())
        for _, row in runs.iterrows()
    ]
    table = pd.concat(parts)
    table["reason"] = np.where(table["layer"].isin(dead), "dead", "")
    table.to_parquet(tables / "layers.parquet", index=False)
    pairs.to_parquet(tables / "layer_similarity.parquet", index=False, compression="zstd")
    _write_curves(tables, runs, design)
    _write_blocks(tables, runs, groups, shared, pairs)
    _write_matching(tables, groups)
    accuracy = _summary(runs.assign(measure=""), groups, ["test_accuracy"]).drop(columns="measure")
    counts = runs.groupby("group")["status"].agg(
        n="size", n_failed=lambda s: int((s != "completed").sum())
    )
    accuracy = accuracy.drop(columns="n").merge(counts, on="group")
    accuracy.to_csv(tables / "accuracy.csv", index=False)


def _write_curves(tables, runs, design):
    parts = []
    for _, row in runs.iterrows():
        epochs = np.arange(1, row["epochs"] + 1)
        parts.append(
            pd.DataFrame({"epoch": epochs, "step": 10 * epochs, "learning_rate": 0.01})
            .assign(**{c: row[c] for c in ["run", "group", *design]})
            .assign(train_loss=2.0 / epochs + 0.01 * row["seed"], train_accuracy=0.9)
            .assign(test_loss=1.0, test_accuracy=np.where(epochs % 2, 1 - 0.5 / epochs, np.nan))
        )
    pd.concat(parts).to_parquet(tables / "learning_curves.parquet", index=False)


def _write_blocks(tables, runs, groups, shared, pairs):
    relu = pairs[(pairs["kind_a"] == "relu") & (pairs["kind_b"] == "relu")]
    own = relu[relu["run_a"].astype(str) == relu["run_b"].astype(str)]
    rows = []
    for run, part in own.groupby("run_a", observed=True):
        values = part[part["index_a"] < part["index_b"]]["value"].dropna()
        names = part.drop_duplicates("index_a")["layer_a"].astype(str).tolist()
        rows.append(
            {
                **dict(run=run, measure=MEASURE, kind="relu", threshold=0.9, n_layers=len(names)),
                "fraction_above": (values > 0.9).mean(),
                **dict(longest_run=3, run_start=2, run_end=4),
                **dict(run_start_layer=names[1], run_end_layer=names[3]),
                "mean_similarity": values.mean(),
            }
        )
    blocks = runs[["run", "group", *shared, "seed"]].merge(pd.DataFrame(rows), on="run")
    blocks.to_csv(tables / "block_metrics.csv", index=False)
    metrics = ["fraction_above", "longest_run", "mean_similarity"]
    _summary(blocks, groups, metrics).to_csv(tables / "block_summary.csv", index=False)
    across = relu[
        (relu["group_a"].astype(str) == relu["group_b"].astype(str))
        & (relu["run_a"].astype(str) != relu["run_b"].astype(str))
        & (relu["index_a"] == relu["index_b"])
    ].astype({"group_a": str, "layer_a": str, "kind_a": str, "measure": str})
    by = ["group_a", "measure", "layer_a", "index_a", "kind_a"]
    same = (
        across.groupby(by)["value"]
        .agg(n_pairs="count", value_mean="mean", value_sd="std", value_min="min", value_max="max")
        .reset_index()
        .rename(columns={c: c.removesuffix("_a") for c in by})
    )
    same["relative_depth"] = same["index"] / same.groupby("group")["index"].transform("max")
    groups.merge(same, on="group").to_csv(tables / "cross_seed.csv", index=False)


def _write_matching(tables, groups):
    """How often each measure finds a layer again, made up: the figure only shows it."""
    rows = [
        groups.assign(measure=measure, n_pairs=1, n_layers=7, accuracy=accuracy, accuracy_sd=0.05)
        for measure, accuracy in ((MEASURE, 0.9), ("linear_regression", 0.4), ("svcca", np.nan))
    ]
    table = pd.concat(rows).assign(chance=1 / 7, undefined=0.0)
    table.to_csv(tables / "layer_matching.csv", index=False)


def _summary(rows, groups, metrics):
    found = rows.groupby(["group", "measure"])
    parts = [found.size().rename("n")]
    for metric in metrics:
        part = found[metric].agg(["mean", "std", "min", "max"])
        parts.append(
            part.set_axis([f"{metric}_{s}" for s in ("mean", "sd", "low", "high")], axis=1)
        )
    return groups.merge(pd.concat(parts, axis=1).reset_index(), on="group")
