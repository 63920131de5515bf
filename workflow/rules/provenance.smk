"""Provenance of the study.

Needs: everything else, so that it is written last. Gives: results/studies/<study>/provenance.json
beside config.json (the effective configuration) and grid.json (every network), which the workflow
writes when it starts.
"""


def study_results():
    return [*study_tables(), *study_figures(), *rules.provenance.output]


rule provenance:
    input:
        study_tables(),
        config=CONFIG,
        grid=GRID,
    output:
        study_path("provenance.json"),
    log:
        f"results/logs/studies/{STUDY.name}/provenance.log",
    params:
        repository=str(Path(LIBRARY).parent),
        code=code_digest("repatlas.cli.provenance"),
    localrule: True
    conda:
        ENVIRONMENT
    message:
        "provenance"
    shell:
        "python -m repatlas provenance --study $(dirname {output:q}) --runs results/runs"
        " --repository {params.repository:q} --output {output:q} --log {log:q}"
