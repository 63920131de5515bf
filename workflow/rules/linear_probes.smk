"""Linear probes before and after each residual connection.

Needs: runs and their data sets. Gives: results/analysis/linear_probes/<run>--<options>.csv, one a
network, and the tables of the analysis `linear_probes`.
"""


rule linear_probes:
    input:
        unpack(run_with_data),
    output:
        "results/analysis/linear_probes/{run}--{options}.csv",
    log:
        "results/logs/linear_probes/{run}--{options}.log",
    benchmark:
        "results/benchmarks/linear_probes/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        mem_mb=linear_probe_memory,
    params:
        options=analysis_options("linear_probes"),
        code=code_digest("repatlas.cli.linear_probes"),
    message:
        "linear probes of {wildcards.run}"
    shell:
        "python -m repatlas linear_probes --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --options {params.options:q}"
        " --output {output:q} --device {resources.device} --log {log:q}"


rule linear_probes_table:
    input:
        grid=grid_with(analyses=["linear_probes"]),
        probes=analysis_artifacts("linear_probes"),
    output:
        analysis_tables("linear_probes"),
    log:
        study_log("linear_probes_table"),
    benchmark:
        study_benchmark("linear_probes_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.linear_probes_table"),
    message:
        "tables of linear probes"
    shell:
        "python -m repatlas linear_probes_table --grid {input.grid:q}"
        " --output {params.tables:q} --log {log:q}"
