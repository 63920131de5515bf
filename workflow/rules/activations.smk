"""What the networks compute on the probe set.

Needs: results/runs/<run>/ and a probe set. Gives: results/grams/<run>--<probe>.zarr, and where the
study keeps activations results/activations/<run>--<probe>.zarr, each with its manifest, which is
written last and is what later rules watch.
"""


rule extract:
    input:
        unpack(probe_inputs),
        status="results/runs/{run}/status.json",
        weights="results/runs/{run}/model.pt",
    output:
        **extraction_outputs(),
    log:
        "results/logs/extract/{run}--{probe}.log",
    benchmark:
        "results/benchmarks/extract/{run}--{probe}.jsonl"
    conda:
        ENVIRONMENT
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        # Not a parameter either, or switching it off would make the Grams again.
        keep=kept_store,
        mem_mb=3000,
    params:
        plan=probe_plan,
        code=network_code("repatlas.cli.extract"),
    message:
        "reading out {wildcards.run}"
    shell:
        "python -m repatlas extract --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --probe {input.probe:q} --plan {params.plan:q}"
        " --grams {output.grams:q} --activations={resources.keep:q} --device {resources.device}"
        " --log {log:q}"
