"""What the networks compute on the probe set.

Needs: results/runs/<run>/ and a probe set. Gives: results/grams/<run>--<probe>.zarr, and where the
study keeps activations results/activations/<run>--<probe>.zarr, each with its manifest, which is
written last and is what later rules watch.
"""


def extraction_outputs():
    # One rule for both, because one forward pass makes both. What is kept is a matter of outputs
    # alone: switching it on adds a store, switching it off reruns nothing.
    stem = "{run}--{probe}"
    outputs = {
        "grams": directory(f"results/grams/{stem}.zarr"),
        "manifest": f"results/grams/{stem}.manifest.json",
    }
    if STUDY.settings.keep_activations:
        outputs["activations"] = directory(f"results/activations/{stem}.zarr")
        outputs["activations_manifest"] = f"results/activations/{stem}.manifest.json"
    return outputs


def kept_store(wildcards):
    if not STUDY.settings.keep_activations:
        return ""
    return f"results/activations/{wildcards.run}--{wildcards.probe}.zarr"


def probe_inputs(wildcards):
    plan = STUDY.probes[wildcards.run]
    return {
        "dataset": f"results/data/{plan.dataset}/manifest.json",
        "probe": f"results/data/{plan.dataset}/probe-{plan.size}.json",
    }


def probe_plan(wildcards):
    plan = STUDY.probes[wildcards.run]
    return canonical_json(
        {"batch_size": plan.batch_size, "passes": plan.passes, "taps": plan.taps}
    )


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
    params:
        plan=probe_plan,
        code=code_digest("repatlas.cli.extract"),
    threads: run_threads
    resources:
        device=STUDY.settings.device,
        # Not a parameter either, or switching it off would make the Grams again.
        keep=kept_store,
        mem_mb=3000,
    conda:
        ENVIRONMENT
    message:
        "reading out {wildcards.run}"
    shell:
        "python -m repatlas extract --run $(dirname {input.status:q})"
        " --dataset $(dirname {input.dataset:q}) --probe {input.probe:q} --plan {params.plan:q}"
        " --grams {output.grams:q} --activations={resources.keep:q} --device {resources.device}"
        " --log {log:q}"
