"""Tables of linear probes and block deletions with known values."""

import numpy as np
import pandas as pd


def probed(number, position, seed):
    """Accuracy of a probe at block `number` of the network: rises, and dips before the residual
    connection."""
    return 0.4 + 0.02 * number + 0.01 * seed - (0.1 if position == "before" else 0)


def kept(stage, n, seed, alone=False):
    """Accuracy without n blocks: the middle stage can do without all but its first."""
    return 0.9 - 0.01 * seed - (0.01 if stage == 2 else 0.3) * n + (0.05 if alone else 0)


def write_frozen(tables, runs, design):
    """Write linear_probes.csv and block_deletion.csv; a network that diverged has undefined rows,
    one without residual connections has no deletions."""
    probes, deletions = [], []
    for _, run in runs.iterrows():
        blocks, ok = (run["depth"] - 2) // 6, run["status"] == "completed"
        head = {column: run[column] for column in ("run", "group", *design)}
        reason = "" if ok else "network diverged"
        residual = run["architecture"] == "resnet"
        for stage in (1, 2, 3):
            for block in range(1, blocks + 1):
                for position in ("before", "after") if residual else ("after",):
                    number = (stage - 1) * blocks + block
                    value = probed(number, position, run["seed"]) if ok else np.nan
                    last = {"before": "bn2", "after": "add" if residual else "bn2"}[position]
                    where = dict(layer=f"stage{stage}.block{block}.{last}", stage=stage)
                    where |= dict(block=block, position=position, method="ridge")
                    probes.append({**head, **where, "accuracy": value, "reason": reason})
            for kind in ("from_the_end", "alone") if residual else ():
                for n in range(kind == "alone", blocks + 1):
                    alone = kind == "alone"
                    value = kept(stage, n, run["seed"], alone) if ok else np.nan
                    where = dict(stage=stage, blocks=blocks, deletion=kind)
                    where["first_block"] = blocks - n + 1 if n else None
                    where["n_deleted"] = 1 if alone else n
                    deletions.append({**head, **where, "test_accuracy": value, "reason": reason})
        if not residual:
            deletions.append({**head, "reason": "no residual connections"})
    pd.DataFrame(probes).to_csv(tables / "linear_probes.csv", index=False)
    columns = [*head, "stage", "blocks", "deletion", "first_block", "n_deleted", "test_accuracy"]
    pd.DataFrame(deletions, columns=[*columns, "reason"]).to_csv(
        tables / "block_deletion.csv", index=False
    )
