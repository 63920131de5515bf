"""Figures of the study.

Needs: tables. Gives: results/studies/<study>/figures/<figure>.{png,pdf,svg}, the plotted data
(.parquet) and a caption (.txt) that states the actual settings and numbers.
"""

FIGURE_KINDS = [".png", ".pdf", ".svg", ".parquet", ".txt"]


def study_figures():
    return [f"{study_path('figures', name)}{kind}" for name in STUDY.figures for kind in FIGURE_KINDS]


def figure_tables(wildcards):
    return [f"{TABLES}/{table}" for table in FIGURES[wildcards.figure].tables]


def figure_settings(wildcards):
    return canonical_json(STUDY.settings.figure_settings.get(wildcards.figure, {}))


rule figure:
    input:
        figure_tables,
    output:
        multiext(study_path("figures", "{figure}"), *FIGURE_KINDS),
    log:
        f"results/logs/studies/{STUDY.name}/figure-{{figure}}.log",
    params:
        settings=figure_settings,
        code=code_digest("repatlas.cli.figure"),
    conda:
        ENVIRONMENT
    message:
        "figure {wildcards.figure}"
    shell:
        "python -m repatlas figure {wildcards.figure} --tables $(dirname {input[0]:q})"
        " --settings {params.settings:q} --output $(dirname {output[0]:q})/{wildcards.figure}"
        " --log {log:q}"
