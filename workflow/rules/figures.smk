"""Figures of the study.

Needs: tables. Gives: results/studies/<study>/figures/<figure>.{png,pdf,svg}, the plotted data
(.parquet) and a caption (.txt) that states the actual settings and numbers.
"""


rule figure:
    input:
        figure_tables,
    output:
        **figure_outputs(),
    log:
        study_log("figure-{figure}"),
    benchmark:
        study_benchmark("figure-{figure}")
    conda:
        ENVIRONMENT
    params:
        tables=study_path("tables"),
        settings=figure_settings,
        code=code_digest("repatlas.cli.figure"),
    message:
        "figure {wildcards.figure}"
    shell:
        "python -m repatlas figure {wildcards.figure} --tables {params.tables:q}"
        " --settings {params.settings:q} --output $(dirname {output.png:q})/{wildcards.figure}"
        " --log {log:q}"
