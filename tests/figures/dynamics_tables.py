"""Tables of networks on their way, with known values."""

import numpy as np
import pandas as pd
from repatlas.layers import layers_of

STEPS = [0, 1, 10, 40]
PER_EPOCH = 10


def alike(i, j, step):
    """Similarity of layers i and j of a checkpoint: grows with the steps."""
    return 1.0 if i == j else 0.5 + 0.01 * step / (1 + abs(i - j))


def to_final(i, step, seed):
    """Similarity of layer i with the final network: later layers arrive later."""
    return 1.0 if step == STEPS[-1] else max(0.9 - 0.005 * i - 0.1 / (1 + step) - 0.02 * seed, 0)


def pc1(i, step):
    """Share of the first component of layer i."""
    return 0.1 + 0.002 * i + 0.01 * step


def write_dynamics(tables, runs, design):
    """Write dynamics.csv, dynamics_blocks.csv and dynamics_similarity.parquet; a network that
    diverged has undefined rows."""
    layer_rows, block_rows, parts = [], [], []
    for _, run in runs.iterrows():
        head = {column: run[column] for column in ("run", "group", *design)}
        ok, layers = run["status"] == "completed", layers_of(run)
        reason, nan = ("", 0) if ok else ("network diverged", np.nan)
        for step in STEPS:
            when = {"step": step, "epoch": step / PER_EPOCH, "final": step == STEPS[-1]}
            for i, layer in enumerate(layers):
                layer_rows.append(
                    {
                        **head,
                        **when,
                        **dict(index=i, layer=layer.name, kind=layer.kind),
                        "pc1_share": pc1(i, step) + nan,
                        "cka_to_final": to_final(i, step, run["seed"]) + nan,
                        **dict(n_batches=8 if ok else 0, batch_norm="train", reason=reason),
                    }
                )
            relu = [i for i, layer in enumerate(layers) if layer.kind == "relu"]
            block_rows.append(
                {
                    **head,
                    **when,
                    **dict(kind="relu", threshold=0.9, n_layers=len(relu)),
                    **dict(longest_run=3 + nan, run_start=2 + nan, run_end=4 + nan),
                    "fraction_above": 0.01 * step + 0.1 * run["seed"] + nan,
                    "cka_to_final": to_final(10, step, run["seed"]) + nan,
                    "probe_accuracy": 0.1 + 0.02 * step + nan,
                    **dict(batch_norm="train", reason=reason),
                }
            )
            a, b = np.divmod(np.arange(len(layers) ** 2), len(layers))
            frame = pd.DataFrame({**head, **when}, index=range(len(a)))
            for side, index in (("a", a), ("b", b)):
                frame[f"index_{side}"] = index
                frame[f"layer_{side}"] = [layers[i].name for i in index]
                frame[f"kind_{side}"] = [layers[i].kind for i in index]
            frame["value"] = [alike(i, j, step) + nan for i, j in zip(a, b, strict=True)]
            parts.append(frame.assign(reason=reason))
    pd.DataFrame(layer_rows).to_csv(tables / "dynamics.csv", index=False)
    pd.DataFrame(block_rows).to_csv(tables / "dynamics_blocks.csv", index=False)
    table = pd.concat(parts, ignore_index=True)
    texts = table.select_dtypes(exclude=["number", "bool"]).columns
    table.astype(dict.fromkeys(texts, "category")).to_parquet(
        tables / "dynamics_similarity.parquet", index=False
    )
