"""Analyses of the user's own.

Needs: the study's other tables, and its stores. Gives: results/studies/<study>/tables/<name>.csv,
one for each.
"""


rule own_analysis:
    input:
        grid=GRID,
        networks=rules.network_tables.output,
        similarities=rules.similarity_tables.output,
        matching=layer_matching_tables(),
        analyses=tables_of_analyses(),
        activations=kept_manifests(),
    output:
        study_path("tables", "{analysis}.csv"),
    log:
        study_log("own_analysis-{analysis}"),
    benchmark:
        study_benchmark("own_analysis-{analysis}")
    wildcard_constraints:
        analysis=named(STUDY.own_analyses),
    conda:
        ENVIRONMENT
    params:
        function=own_analysis,
        tables=tables_folder,
        code=own_analysis_code,
    message:
        "table of {wildcards.analysis}"
    shell:
        "python -m repatlas own_analysis {params.function:q} --grid {input.grid:q}"
        " --tables {params.tables:q} --output {output:q} --log {log:q}"
