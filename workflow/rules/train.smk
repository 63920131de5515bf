"""Networks.

Needs: results/data/<dataset>/. Gives: results/runs/<run>/, one folder a network: spec.json,
model.pt, curve.csv, test_logits.npy, hardware.json and status.json. A network that diverges gives
them too, with a status that says so. Interrupted training goes on from results/.scratch/. A network
that is to be saved on its way also gives trajectory/, one file a checkpoint, and trajectory.json,
which names them.
"""


rule train:
    input:
        run_dataset,
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
        "results/logs/train/{run}.log",
    benchmark:
        "results/benchmarks/train/{run}.jsonl"
    wildcard_constraints:
        run=trained_runs(False),
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        # Not parameters: where a network is trained is recorded, but is not what it is.
        device=STUDY.settings.device,
        mem_mb=3000,
    params:
        spec=run_spec,
        code=network_code("repatlas.cli.train"),
    message:
        "training {wildcards.run}"
    shell:
        "python -m repatlas train --spec {params.spec:q} --dataset $(dirname {input:q})"
        " --output results/runs/{wildcards.run} --scratch results/.scratch"
        " --device {resources.device} --code {params.code} --log {log:q}"


use rule train as train_with_checkpoints with:
    output:
        multiext(
            "results/runs/{run}/",
            spec="spec.json",
            weights="model.pt",
            curve="curve.csv",
            logits="test_logits.npy",
            hardware="hardware.json",
            status="status.json",
            index="trajectory.json",
        ),
        checkpoints=directory("results/runs/{run}/trajectory"),
    wildcard_constraints:
        run=trained_runs(True),
