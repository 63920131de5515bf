"""Data sets and probe sets.

Needs: the internet for CIFAR, MNIST and Fashion-MNIST, or a copy named by `data_root` or the
environment variable REPATLAS_DATA. Gives: results/data/<dataset>/ and its probe sets.
"""


rule data:
    output:
        manifest="results/data/{dataset}/manifest.json",
        arrays=multiext(
            "results/data/{dataset}/",
            "train_images.npy",
            "train_labels.npy",
            "train_order.npy",
            "test_images.npy",
            "test_labels.npy",
            "test_order.npy",
        ),
    log:
        "results/logs/data/{dataset}.log",
    benchmark:
        "results/benchmarks/data/{dataset}.jsonl"
    # Compute nodes of a cluster often have no network.
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        root=STUDY.settings.data_root or "",
    params:
        spec=dataset_spec,
        fingerprint=dataset_fingerprint,
        code=data_code,
    message:
        "data set {wildcards.dataset}"
    shell:
        "python -m repatlas data --spec {params.spec:q} --root={resources.root:q}"
        " --downloads results/downloads --output results/data/{wildcards.dataset} --log {log:q}"


rule probe:
    input:
        "results/data/{dataset}/manifest.json",
    output:
        "results/data/{dataset}/probe-{size}.json",
    log:
        "results/logs/probe/{dataset}-{size}.log",
    benchmark:
        "results/benchmarks/probe/{dataset}-{size}.jsonl"
    conda:
        ENVIRONMENT
    params:
        code=code_digest("repatlas.cli.probe"),
    message:
        "probe set of {wildcards.size} images from {wildcards.dataset}"
    shell:
        "python -m repatlas probe --dataset results/data/{wildcards.dataset}"
        " --size {wildcards.size} --output {output:q} --log {log:q}"
