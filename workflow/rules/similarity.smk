"""Similarity, in tiles of one pair of architectures.

Needs: Gram stores (activation stores for measures other than minibatch CKA). Gives:
results/similarity/<measure>/<A>--<B>--<digest>.parquet.
"""

TILES = {(tile.measure, tile.name): tile for tile in STUDY.tiles}


def tile_of(wildcards):
    return TILES[wildcards.measure, wildcards.tile]


def tile_inputs(wildcards):
    tile = tile_of(wildcards)
    kind = "activations" if MEASURES[tile.measure] else "grams"
    stems = [f"results/{kind}/{run}--{STUDY.probes[run].id}" for run in tile.runs]
    return {
        # A folder's time says nothing about its content; the manifest's checksum does.
        "stores": [ancient(f"{stem}.zarr") for stem in stems],
        "manifests": [f"{stem}.manifest.json" for stem in stems],
    }


def tile_spec(wildcards):
    tile = tile_of(wildcards)
    return canonical_json({"runs": tile.runs, "pairs": tile.pairs, "layers": tile.layers})


rule similarity:
    input:
        unpack(tile_inputs),
    output:
        "results/similarity/{measure}/{tile}.parquet",
    log:
        "results/logs/similarity/{measure}/{tile}.log",
    benchmark:
        "results/benchmarks/similarity/{measure}/{tile}.jsonl"
    params:
        tile=tile_spec,
        code=code_digest("repatlas.cli.similarity"),
    resources:
        mem_mb=2000,
    conda:
        ENVIRONMENT
    message:
        "{wildcards.measure} of {wildcards.tile}"
    shell:
        "python -m repatlas similarity --measure {wildcards.measure} --tile {params.tile:q}"
        " --stores {input.stores:q} --output {output:q} --log {log:q}"
