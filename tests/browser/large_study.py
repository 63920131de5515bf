"""A study of 200 networks of 37 ReLU layers, in the form of the workflow's tables."""

import itertools
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from repatlas.layers import layers_of

DESIGN = ["dataset", "fraction", "architecture", "depth", "width", "seed"]
MEASURE = "cka_minibatch"
METRICS = ["fraction_above", "longest_run", "mean_similarity"]


def make_large_study(folder, across="seeds", seeds=10):
    """Write the tables of 20 architectures, ResNets of depth 38, and return the study's folder.

    across: `seeds` compares networks of one architecture, `all` every two networks
    """
    widths, fractions = (1.0, 2.0, 4.0, 8.0, 10.0), (0.0625, 0.125, 0.25, 1.0)
    rows = [
        {
            "run": f"made-resnet-d38-w{width:g}-f{fraction:g}-s{seed}-{number:04d}{seed:04d}",
            "group": f"made-resnet-d38-w{width:g}-f{fraction:g}-{number:08d}",
            **dict(dataset="made", fraction=fraction, architecture="resnet", depth=38),
            **dict(width=width, seed=seed, probe="made-n10000-b256-p1-00000000"),
            **dict(status="completed", reason="", parameters=int(1e5 * width**2)),
            **dict(train_loss=0.1, train_accuracy=0.99, test_loss=0.5),
            "test_accuracy": 0.8 + 0.001 * number + 0.0001 * seed,
        }
        for number, (fraction, width) in enumerate(itertools.product(fractions, widths))
        for seed in range(seeds)
    ]
    runs = pd.DataFrame(rows)
    tables = folder / "results" / "studies" / "large" / "tables"
    tables.mkdir(parents=True)
    (tables.parent / "config.json").write_text(json.dumps({"study": "large"}))
    runs.to_csv(tables / "runs.csv", index=False)
    layers = layers_of(rows[0])
    _write_layers(tables, runs, layers)
    _write_similarity(tables, runs, layers, across)
    _write_summaries(tables, runs, layers)
    return tables.parent


def _write_layers(tables, runs, layers):
    n = len(layers)
    frame = runs[["run", "group", *DESIGN]].loc[runs.index.repeat(n)].reset_index(drop=True)
    frame["index"] = np.tile(np.arange(n), len(runs))
    for position, column in enumerate(("layer", "kind")):
        frame[column] = np.tile([layer[position] for layer in layers], len(runs))
    frame = frame.assign(shape="16x32x32", features=16384, relative_depth=frame["index"] / (n - 1))
    frame.assign(reason="").to_parquet(tables / "layers.parquet", index=False)


def _write_similarity(tables, runs, layers, across):
    """A row group an architecture pair, as the workflow writes tiles; only what the page reads."""
    relu = np.array([k for k, layer in enumerate(layers) if layer.kind == "relu"])
    every = np.arange(len(layers))
    texts = {
        "measure": [MEASURE],
        **dict.fromkeys(("run_a", "run_b"), runs["run"].tolist()),
        **dict.fromkeys(("layer_a", "layer_b"), [layer.name for layer in layers]),
        **dict.fromkeys(("kind_a", "kind_b"), [layer.kind for layer in layers]),
        "reason": [""],
    }
    rng = np.random.default_rng(0)
    writer = None
    groups = list(runs.groupby("group", sort=False).groups.values())
    for own, other in itertools.combinations_with_replacement(groups, 2):
        if across == "seeds" and own is not other:
            continue
        pairs = [(a, b) for a in own for b in other if a <= b]
        grids = [np.meshgrid(*[every if a == b else relu] * 2, indexing="ij") for a, b in pairs]
        sizes = [grid[0].size for grid in grids]
        index = [np.concatenate([grid[side].ravel() for grid in grids]) for side in (0, 1)]
        codes = {"run_a": np.repeat([a for a, _ in pairs], sizes), "layer_a": index[0]}
        codes |= {"run_b": np.repeat([b for _, b in pairs], sizes), "layer_b": index[1]}
        kinds = [layer.kind for layer in layers]
        codes |= {f"kind_{s}": i for s, i in zip("ab", index, strict=True)}
        none = np.zeros(sum(sizes), dtype=int)
        columns = {
            name: pa.DictionaryArray.from_arrays(
                codes.get(name, none).astype(np.int32), values if name[:4] != "kind" else kinds
            )
            for name, values in texts.items()
        }
        near = np.exp(-2.5 * abs(index[0] - index[1]) / len(layers))
        columns |= {"index_a": index[0].astype(np.int32), "index_b": index[1].astype(np.int32)}
        columns |= {"value": near * rng.uniform(0.9, 1, len(none)), "se": near / 100}
        columns["n_batches"] = np.full(len(none), 39, dtype=np.int32)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(
            tables / "layer_similarity.parquet", table.schema, compression="zstd"
        )
        writer.write_table(table)
    writer.close()


def _write_summaries(tables, runs, layers):
    design = [axis for axis in DESIGN if axis != "seed"]
    names = [layer.name for layer in layers if layer.kind == "relu"]
    rng = np.random.default_rng(1)
    blocks = runs[["run", "group", *DESIGN]].assign(measure=MEASURE, kind="relu", threshold=0.9)
    blocks["fraction_above"] = rng.uniform(0, 0.6, len(runs))
    blocks = blocks.assign(longest_run=9, mean_similarity=0.5)
    blocks = blocks.assign(run_start_layer=names[10], run_end_layer=names[18])
    blocks.to_csv(tables / "block_metrics.csv", index=False)
    groups = runs[["group", *design]].drop_duplicates("group")
    for name, table, metrics in (
        ("block_summary", blocks, METRICS),
        ("accuracy", runs, ["test_accuracy"]),
    ):
        found = table.groupby("group")[metrics].agg(["mean", "std", "min", "max"])
        found.columns = [
            f"{metric}_{ {'std': 'sd', 'min': 'low', 'max': 'high'}.get(part, part) }"
            for metric, part in found.columns
        ]
        found = groups.merge(found.reset_index(), on="group").assign(measure=MEASURE, n=10)
        found.assign(n_failed=0).to_csv(tables / f"{name}.csv", index=False)
    across = groups.merge(pd.DataFrame({"layer": names, "index": range(len(names))}), how="cross")
    across = across.assign(measure=MEASURE, kind="relu", n_pairs=45, value_mean=0.7, value_sd=0.05)
    across["relative_depth"] = across["index"] / (len(names) - 1)
    across.to_csv(tables / "cross_seed.csv", index=False)
    curves = runs[["run", "group", *DESIGN]].loc[runs.index.repeat(300)].reset_index(drop=True)
    curves["epoch"] = np.tile(np.arange(1, 301), len(runs))
    curves = curves.assign(train_loss=1 / curves["epoch"], test_loss=0.5 + 1 / curves["epoch"])
    curves = curves.assign(train_accuracy=0.9, test_accuracy=0.8)
    curves.to_parquet(tables / "learning_curves.parquet", index=False)
