"""The page on which the study is explored.

Needs: tables. Gives: results/studies/<study>/explorer/, whose index.html opens by double click.
"""


rule explorer:
    input:
        network_tables=rules.network_tables.output,
        similarity_tables=rules.similarity_tables.output,
        analyses=tables_of_analyses(),
    output:
        directory(study_path("explorer")),
    log:
        study_log("explorer"),
    conda:
        ENVIRONMENT
    params:
        tables=tables_folder,
        names=explored_tables,
        title=STUDY.settings.title,
        code=code_digest("repatlas.cli.explorer"),
        page=own_files_digest(),
    message:
        "explorer"
    shell:
        "python -m repatlas explorer --tables {params.tables:q} --names {params.names:q}"
        " --title={params.title:q} --output {output:q} --log {log:q}"
