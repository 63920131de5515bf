"""What networks predict, example by example.

Needs: logits and data sets. Gives: the tables of the analysis `predictions`.
"""


rule predictions_table:
    input:
        grid=grid_with("prediction_pairs"),
        logits=network_files("test_logits.npy"),
        status=network_files("status.json"),
        datasets=sorted({f"results/data/{run.dataset}/manifest.json" for run in STUDY.runs}),
    output:
        analysis_tables("predictions"),
    log:
        study_log("predictions_table"),
    benchmark:
        study_benchmark("predictions_table")
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        options=analysis_options("predictions"),
        code=code_digest("repatlas.cli.predictions_table"),
    message:
        "tables of predictions"
    shell:
        "python -m repatlas predictions_table --grid {input.grid:q} --results results"
        " --options {params.options:q} --output {params.tables:q} --log {log:q}"
