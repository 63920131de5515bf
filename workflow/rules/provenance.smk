"""Record and provenance of the study.

Needs: the study as `common.smk` understood it, and everything that was made from it. Gives, in
results/studies/<study>/: config.json (the effective configuration), grid.json (every network) and
provenance.json, which is made last.
"""


rule record:
    input:
        config=CONFIG,
        grid=GRID,
    output:
        config=study_path("config.json"),
        grid=study_path("grid.json"),
    log:
        study_log("record"),
    localrule: True
    conda:
        ENVIRONMENT
    message:
        "record of the study"
    shell:
        "cp {input.config:q} {output.config:q} 2> {log:q}"
        " && cp {input.grid:q} {output.grid:q} 2>> {log:q}"


rule provenance:
    input:
        # A figure drawn anew has the same provenance.
        ancient(study_figures()),
        tables=study_tables(),
        grid=GRID,
    output:
        study_path("provenance.json"),
    log:
        study_log("provenance"),
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        # Not a parameter: where the workflow's code lies makes no difference.
        repository=str(Path(LIBRARY).parent),
    params:
        figures=study_figure_names,
        code=code_digest("repatlas.cli.provenance"),
    message:
        "provenance"
    shell:
        "python -m repatlas provenance --grid {input.grid:q} --results results"
        " --repository {resources.repository:q} --tables {input.tables:q}"
        " --figures {params.figures:q} --output {output:q} --log {log:q}"
