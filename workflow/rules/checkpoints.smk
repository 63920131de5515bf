"""Networks that are loaded from saved weights instead of being trained.

Needs: the files that a study's `checkpoint` names, and results/data/<dataset>/. Gives: the same
files of results/runs/<run>/ as training.
"""


rule load_checkpoint:
    input:
        dataset=run_dataset,
        # What it holds is in the run's name; its time says nothing.
        weights=ancient(run_checkpoint),
    output:
        multiext(
            "results/runs/{run}/",
            spec="spec.json",
            weights="model.pt",
            curve="curve.csv",
            logits="test_logits.npy",
            hardware="hardware.json",
            status="status.json",
        ),
    log:
        "results/logs/load_checkpoint/{run}.log",
    benchmark:
        "results/benchmarks/load_checkpoint/{run}.jsonl"
    wildcard_constraints:
        run=named(run.name for run in STUDY.runs if run.checkpoint),
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        mem_mb=3000,
    params:
        spec=run_spec,
        code=network_code("repatlas.cli.load_checkpoint"),
    message:
        "loading {wildcards.run}"
    shell:
        "python -m repatlas load_checkpoint --spec {params.spec:q}"
        " --dataset $(dirname {input.dataset:q}) --checkpoint {input.weights:q}"
        " --output results/runs/{wildcards.run} --device {resources.device} --log {log:q}"
