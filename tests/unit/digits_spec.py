"""The spec of a network that trains on a quarter of the digits within a second."""

PAPER = {
    "epochs": 300,
    "batch_size": 128,
    "learning_rate": 0.01,
    "schedule": "cosine",
    "momentum": 0.9,
    "l2": 0.001,
}


def digits_spec(**training) -> dict:
    return {
        "data": {"dataset": {"source": "digits"}, "fraction": 0.25, "evaluate_on": "test"},
        "model": {
            "architecture": "resnet",
            "depth": 8,
            "width": 0.5,
            "init": "he_normal",
            "bn_momentum": 0.1,
        },
        "training": {
            **PAPER,
            "epochs": 4,
            "batch_size": 32,
            "crop_padding": 1,
            "flip": False,
            "evaluate_every": 2,
            "precision": "float32",
            "threads": 1,
            **training,
        },
        "seed": 3,
    }
