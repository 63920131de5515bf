"""Networks on their way.

Needs: runs that saved checkpoints, their curve.csv, and probe sets. Gives:
results/analysis/dynamics/<run>--<options>.npz, one a network, and the tables of the analysis
`dynamics`.
"""


rule dynamics:
    input:
        unpack(probe_inputs),
        status="results/runs/{run}/status.json",
        weights="results/runs/{run}/model.pt",
        index="results/runs/{run}/trajectory.json",
        # A folder's time says nothing about its content; the index has every file's checksum.
        checkpoints=ancient("results/runs/{run}/trajectory"),
    output:
        "results/analysis/dynamics/{run}--{options}.npz",
    log:
        "results/logs/dynamics/{run}--{options}.log",
    benchmark:
        "results/benchmarks/dynamics/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        mem_mb=3000,
    params:
        plan=dynamics_plan,
        options=analysis_options("dynamics"),
        code=network_code("repatlas.cli.dynamics"),
    message:
        "checkpoints of {wildcards.run}"
    shell:
        "python -m repatlas dynamics --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --probe {input.probe:q} --plan {params.plan:q}"
        " --options {params.options:q} --output {output:q} --device {resources.device}"
        " --log {log:q}"


rule dynamics_table:
    input:
        grid=grid_with(analyses=["dynamics"]),
        checkpoints=analysis_artifacts("dynamics"),
        curves=network_files("curve.csv"),
    output:
        analysis_tables("dynamics"),
    log:
        study_log("dynamics_table"),
    benchmark:
        study_benchmark("dynamics_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.dynamics_table"),
    message:
        "tables of the dynamics"
    shell:
        "python -m repatlas dynamics_table --grid {input.grid:q} --runs results/runs"
        " --output {params.tables:q} --log {log:q}"
