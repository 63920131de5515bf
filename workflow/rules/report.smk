"""What Snakemake's report shows: figures, tables, and how the study was made.

Needs: tables, figures with captions, provenance. Gives: results/studies/<study>/report/, pages of
HTML and their captions, from which `snakemake --report` makes the one file report.html.
"""


# The text the report opens with.
report: str(Path(study_path("report", "overview.rst")).resolve())


rule report_pages:
    input:
        captions=study_figure_files(".txt"),
        figures=study_figure_files(".svg"),
        tables=study_tables(),
        record=rules.record.output,
        provenance=rules.provenance.output,
    output:
        pages_in_report(),
        study_path("report", "overview.rst"),
        captions_in_report(),
    log:
        study_log("report_pages"),
    conda:
        ENVIRONMENT
    params:
        study=study_folder,
        pages=report_folder,
        code=code_digest("repatlas.cli.report_pages"),
    message:
        "pages of the report"
    shell:
        "python -m repatlas report_pages --study {params.study:q} --figures {input.figures:q}"
        " --tables {input.tables:q} --output {params.pages:q} --log {log:q}"
