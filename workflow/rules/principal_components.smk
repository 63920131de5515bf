"""First principal components: over the whole probe set, and similarity without them.

Needs: runs, data and probe sets, Gram stores and layer_similarity.parquet. Gives:
results/analysis/<analysis>/<run>--<options>.npz, one a network, and the tables of the analyses
`principal_components` (sparsity included), `cka_without_pc1` and `dominant_examples`.
"""


rule principal_components:
    input:
        unpack(probe_inputs),
        status="results/runs/{run}/status.json",
        weights="results/runs/{run}/model.pt",
    output:
        "results/analysis/principal_components/{run}--{options}.npz",
    log:
        "results/logs/principal_components/{run}--{options}.log",
    benchmark:
        "results/benchmarks/principal_components/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        mem_mb=5000,
    params:
        options=analysis_options("principal_components"),
        code=network_code("repatlas.cli.principal_components"),
    message:
        "first principal components of {wildcards.run}"
    shell:
        "python -m repatlas principal_components --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --probe {input.probe:q}"
        " --options {params.options:q} --output {output:q} --device {resources.device}"
        " --log {log:q}"


rule principal_components_table:
    input:
        grid=grid_with(analyses=["principal_components"]),
        components=analysis_artifacts("principal_components"),
        similarity=study_path("tables", "layer_similarity.parquet"),
    output:
        analysis_tables("principal_components"),
    log:
        study_log("principal_components_table"),
    benchmark:
        study_benchmark("principal_components_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.principal_components_table"),
    message:
        "tables of first principal components"
    shell:
        "python -m repatlas principal_components_table --grid {input.grid:q}"
        " --similarity {input.similarity:q} --output {params.tables:q} --log {log:q}"


rule cka_without_pc1:
    input:
        unpack(gram_store),
    output:
        "results/analysis/cka_without_pc1/{run}--{options}.npz",
    log:
        "results/logs/cka_without_pc1/{run}--{options}.log",
    benchmark:
        "results/benchmarks/cka_without_pc1/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.cka_without_pc1"),
    message:
        "similarity without first components of {wildcards.run}"
    shell:
        "python -m repatlas cka_without_pc1 --grams {input.grams:q} --output {output:q}"
        " --log {log:q}"


rule cka_without_pc1_table:
    input:
        grid=grid_with(analyses=["cka_without_pc1"]),
        similarities=analysis_artifacts("cka_without_pc1"),
    output:
        analysis_tables("cka_without_pc1"),
    log:
        study_log("cka_without_pc1_table"),
    benchmark:
        study_benchmark("cka_without_pc1_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.cka_without_pc1_table"),
    message:
        "tables of similarity without first components"
    shell:
        "python -m repatlas cka_without_pc1_table --grid {input.grid:q}"
        " --output {params.tables:q} --log {log:q}"


rule dominant_examples:
    input:
        unpack(gram_store),
        components=components_of_run,
    output:
        "results/analysis/dominant_examples/{run}--{options}.npz",
    log:
        "results/logs/dominant_examples/{run}--{options}.log",
    benchmark:
        "results/benchmarks/dominant_examples/{run}--{options}.jsonl"
    conda:
        ENVIRONMENT
    params:
        options=analysis_options("dominant_examples"),
        code=code_digest("repatlas.cli.dominant_examples"),
    message:
        "dominant examples of {wildcards.run}"
    shell:
        "python -m repatlas dominant_examples --grams {input.grams:q}"
        " --components {input.components:q} --options {params.options:q} --output {output:q}"
        " --log {log:q}"


rule dominant_examples_table:
    input:
        grid=grid_with(analyses=["principal_components", "dominant_examples"]),
        components=analysis_artifacts("principal_components"),
        removals=analysis_artifacts("dominant_examples"),
        datasets=probed_datasets(),
    output:
        analysis_tables("dominant_examples"),
    log:
        study_log("dominant_examples_table"),
    benchmark:
        study_benchmark("dominant_examples_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        code=code_digest("repatlas.cli.dominant_examples_table"),
    message:
        "tables of dominant examples"
    shell:
        "python -m repatlas dominant_examples_table --grid {input.grid:q} --data results/data"
        " --output {params.tables:q} --log {log:q}"
