"""Networks without some of their residual branches.

Needs: runs and their data sets. Gives: results/analysis/block_deletion/<run>--<options>.csv, one a
network, and the tables of the analysis `block_deletion`.
"""


rule block_deletion:
    input:
        unpack(run_with_data),
    output:
        "results/analysis/block_deletion/{run}--{options}.csv",
    log:
        "results/logs/block_deletion/{run}--{options}.log",
    benchmark:
        "results/benchmarks/block_deletion/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        mem_mb=3000,
    params:
        code=code_digest("repatlas.cli.block_deletion"),
    message:
        "deleting blocks of {wildcards.run}"
    shell:
        "python -m repatlas block_deletion --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --output {output:q}"
        " --device {resources.device} --log {log:q}"


rule block_deletion_table:
    input:
        grid=grid_with(analyses=["block_deletion"]),
        deletions=analysis_artifacts("block_deletion"),
    output:
        analysis_tables("block_deletion"),
    log:
        study_log("block_deletion_table"),
    benchmark:
        study_benchmark("block_deletion_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.block_deletion_table"),
    message:
        "tables of block deletions"
    shell:
        "python -m repatlas block_deletion_table --grid {input.grid:q}"
        " --output {params.tables:q} --log {log:q}"
