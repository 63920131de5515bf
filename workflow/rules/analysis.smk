"""Tables of the study.

Needs: runs, Gram stores, tiles, and for the table of costs all benchmarks and logs. Gives:
results/studies/<study>/tables/.
"""


rule network_tables:
    input:
        grid=grid_with(),
        status=network_files("status.json"),
        specs=network_files("spec.json"),
        curves=network_files("curve.csv"),
    output:
        runs=study_path("tables", "runs.csv"),
        accuracy=study_path("tables", "accuracy.csv"),
        curves=study_path("tables", "learning_curves.parquet"),
    log:
        study_log("network_tables"),
    benchmark:
        study_benchmark("network_tables")
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.network_tables"),
    message:
        "tables of networks"
    shell:
        "python -m repatlas network_tables --grid {input.grid:q} --runs results/runs"
        " --output $(dirname {output.runs:q}) --log {log:q}"


rule similarity_tables:
    input:
        grid=grid_with("tiles"),
        manifests=gram_manifests(),
        tiles=tile_files(),
    output:
        layers=study_path("tables", "layers.parquet"),
        similarity=study_path("tables", "layer_similarity.parquet"),
        blocks=study_path("tables", "block_metrics.csv"),
        summary=study_path("tables", "block_summary.csv"),
        cross_seed=study_path("tables", "cross_seed.csv"),
    log:
        study_log("similarity_tables"),
    benchmark:
        study_benchmark("similarity_tables")
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.similarity_tables"),
    message:
        "tables of similarities"
    shell:
        "python -m repatlas similarity_tables --grid {input.grid:q} --grams results/grams"
        " --output $(dirname {output.layers:q}) --log {log:q}"


rule layer_matching_table:
    input:
        grid=grid_with(),
        similarity=study_path("tables", "layer_similarity.parquet"),
    output:
        measures=study_path("tables", "layer_matching.csv"),
        layers=study_path("tables", "layer_matching_layers.csv"),
    log:
        study_log("layer_matching_table"),
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.layer_matching_table"),
    message:
        "how often each measure finds the same layer again"
    shell:
        "python -m repatlas layer_matching_table --grid {input.grid:q}"
        " --similarity {input.similarity:q} --output {output.measures:q}"
        " --layers {output.layers:q} --log {log:q}"


rule comparison_table:
    input:
        runs=study_path("tables", "runs.csv"),
        blocks=study_path("tables", "block_metrics.csv"),
        similarity=study_path("tables", "layer_similarity.parquet"),
        analyses=tables_of_analyses(),
    output:
        study_path("tables", "comparison_with_paper.csv"),
    log:
        study_log("comparison_table"),
    conda:
        ENVIRONMENT
    params:
        # By content: where the workflow's code lies makes no difference.
        published=sha256_file(f"{LIBRARY}/repatlas/analysis/paper_values.csv"),
        options=comparison_options(),
        code=code_digest("repatlas.cli.comparison_table"),
    message:
        "the paper's own values beside these"
    shell:
        "python -m repatlas comparison_table --tables $(dirname {input.runs:q})"
        " --analyses {input.analyses:q} --results results --options {params.options:q}"
        " --output {output:q} --log {log:q}"


rule cost_table:
    input:
        # After every job that it tells of; a figure drawn anew does not make it again.
        ancient(study_figures()),
        grid=GRID,
        networks=study_path("tables", "runs.csv"),
        similarity=study_path("tables", "layer_similarity.parquet"),
        analyses=[*tables_of_analyses(), *tables_of_own_analyses()],
    output:
        study_path("tables", "cost.csv"),
    log:
        study_log("cost_table"),
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.cost_table"),
    message:
        "cost of every job"
    shell:
        "python -m repatlas cost_table --grid {input.grid:q} --benchmarks results/benchmarks"
        " --logs results/logs --runs results/runs --output {output:q} --log {log:q}"
