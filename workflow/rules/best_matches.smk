"""The most similar layers of other networks.

Needs: tiles and layers.parquet. Gives: results/studies/<study>/tables/best_matches.csv.
"""


rule best_matches_table:
    input:
        grid=grid_with("tiles"),
        layers=study_path("tables", "layers.parquet"),
        tiles=tile_files(),
    output:
        analysis_tables("best_matches"),
    log:
        study_log("best_matches_table"),
    benchmark:
        study_benchmark("best_matches_table")
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.best_matches_table"),
    message:
        "best matches of layers"
    shell:
        "python -m repatlas best_matches_table --grid {input.grid:q} --layers {input.layers:q}"
        " --output {output:q} --log {log:q}"
