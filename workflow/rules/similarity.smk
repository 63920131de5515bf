"""Similarity, in tiles of one pair of architectures.

Needs: Gram stores (activation stores for measures other than minibatch CKA). Gives:
results/similarity/<measure>/<A>--<B>--<digest>.parquet.
"""


rule similarity:
    input:
        unpack(tile_inputs),
    output:
        "results/similarity/{measure}/{tile}.parquet",
    log:
        "results/logs/similarity/{measure}/{tile}.log",
    benchmark:
        "results/benchmarks/similarity/{measure}/{tile}.jsonl"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=tile_mem_mb,
    params:
        tile=tile_spec,
        code=tile_code,
    message:
        "{wildcards.measure} of {wildcards.tile}"
    shell:
        "python -m repatlas similarity --measure {wildcards.measure} --tile {params.tile:q}"
        " --stores {input.stores:q} --output {output:q} --log {log:q}"
