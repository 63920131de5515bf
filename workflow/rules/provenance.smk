"""Provenance of the study.

Needs: everything else, so that it is written last. Gives: results/studies/<study>/provenance.json
beside config.json (the effective configuration) and grid.json (every network), which the workflow
writes when it starts.
"""


rule provenance:
    input:
        study_tables(),
        grid=GRID,
    output:
        study_path("provenance.json"),
    log:
        study_log("provenance"),
    localrule: True
    conda:
        ENVIRONMENT
    params:
        repository=str(Path(LIBRARY).parent),
        code=code_digest("repatlas.cli.provenance"),
    message:
        "provenance"
    shell:
        "python -m repatlas provenance --study $(dirname {output:q}) --runs results/runs"
        " --repository {params.repository:q} --output {output:q} --log {log:q}"
