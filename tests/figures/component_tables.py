"""Tables of first principal components and dominant examples with known values."""

import numpy as np
import pandas as pd
from repatlas.layers import layers_of


def share(k, seed):
    """Share of the first component of layer k."""
    return 0.05 + 0.04 * k + 0.01 * seed


def zeros(k, seed):
    """Share of zeros of layer k."""
    return 0.9 - 0.05 * k - 0.01 * seed


def write_components(tables, runs, design, without=True):
    """Write the tables of the three analyses; a network that diverged has undefined values."""
    layers, pairs, networks, cka, blocks = [], [], [], [], []
    dominant, projections, removal, similarity, images = [], [], [], [], []
    rng = np.random.default_rng(0)
    for _, run in runs.iterrows():
        head = {column: run[column] for column in ("run", "group", *design)}
        ok, seed = run["status"] == "completed", run["seed"]
        reason = "" if ok else "network diverged"
        own = [la for la in layers_of(run) if la.kind in ("relu", "dense")]
        for k, la in enumerate(own):
            where = dict(index=k, layer=la.name, kind=la.kind)
            zero = zeros(k, seed) if la.kind == "relu" and ok else np.nan
            value = share(k, seed) if ok else np.nan
            row = {**head, **where, "pc1_share": value, "zero_share": zero, "n_examples": 512}
            layers.append({**row, "reason": reason})
            first = {"carried_1": 0.5 + 0.1 * seed, "bimodality": 0.7, "is_reference": k == 2}
            first["pc1_share"] = value
            dominant.append({**head, **where, **(first if ok else {"is_reference": False})})
        correlation = 0.75 if ok else np.nan
        networks.append({**head, "pc1_cka_correlation": correlation, "reason": reason})
        above = dict(fraction_above=0.2, fraction_above_without_pc1=0.02)
        above |= dict(longest_run=4, longest_run_without_pc1=1, threshold=0.9)
        blocks.append({**head, **(above if ok else {}), "reason": reason})
        for a, p in enumerate(own):
            for b, q in enumerate(own):
                where = dict(index_a=a, index_b=b, layer_a=p.name, layer_b=q.name)
                where |= dict(kind_a=p.kind, kind_b=q.kind, reason=reason)
                near = np.exp(-0.2 * abs(a - b)) if ok else np.nan
                pairs.append({**head, **where, "value": near**2})
                cka.append({**head, **where, "value": near / 2, "value_with": near})
                if p.kind == q.kind == "relu":
                    for criterion, gone in (("none", 0.0), ("dominant", 0.1), ("random", 0.1)):
                        kind = dict(criterion=criterion, removed=gone, draw=0)
                        similarity.append({**head, **kind, **where, "value": near * (1 - gone)})
        for criterion, gone in (("none", 0.0), ("dominant", 0.1), ("random", 0.1)):
            kind = dict(criterion=criterion, removed=gone, draw=0)
            found = dict(fraction_above=0.3 - gone, longest_run=4, threshold=0.9)
            removal.append({**head, **kind, **(found if ok else {}), "reason": reason})
        if not ok:
            continue
        two = np.concatenate([rng.normal(-1.2, 0.2, 400), rng.normal(2.8, 0.3, 111), [20.0]])
        projections.append(pd.DataFrame({**head, "layer": own[2].name, "projection": two}))
        for kind in ("dominant", "random"):
            for rank in range(1, 33):
                shape = dict(channels=3, image_height=2, image_width=2)
                pixels = rng.integers(0, 256, 12, dtype=np.uint8).tobytes()
                about = dict(layer=own[2].name, shown=kind, rank=rank, example=rank)
                about |= {"class": "cat", "projection_to_median": 30 / rank, "pixels": pixels}
                images.append({**head, **about, **shape})
    made = {
        "principal_components.csv": layers,
        "pc_similarity.parquet": pairs,
        "principal_component_networks.csv": networks,
        "dominant_layers.csv": dominant,
        "dominant_removal.csv": removal,
        "dominant_similarity.parquet": similarity,
        "dominant_images.parquet": images,
        "dominant_projections.parquet": projections and pd.concat(projections),
    }
    if without:
        made |= {"cka_without_pc1.parquet": cka, "cka_without_pc1_blocks.csv": blocks}
    for name, rows in made.items():
        frame = pd.DataFrame(rows)
        if name.endswith(".csv"):
            frame.to_csv(tables / name, index=False)
        else:
            texts = frame.select_dtypes(include=["object", "string"]).columns.difference(["pixels"])
            frame.astype(dict.fromkeys(texts, "category")).to_parquet(tables / name, index=False)
