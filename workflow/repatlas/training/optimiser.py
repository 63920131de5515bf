"""SGD with momentum, penalty and schedule as the paper's Keras code has them."""

import math

import torch
from torch import nn


def learning_rate(settings: dict, epoch: int) -> float:
    """Learning rate of `epoch` (0-based): constant, or cosine evaluated once an epoch,
    lr_e = lr_0 / 2 * (1 + cos(pi * e / epochs)), with no warm-up."""
    initial = settings["learning_rate"]
    if settings["schedule"] == "constant":
        return initial
    return 0.5 * initial * (1 + math.cos(math.pi * epoch / settings["epochs"]))


class Optimiser:
    """SGD whose velocity carries the learning rate, with an L2 penalty on kernels only.

    Keras adds l2 * sum(w^2), not half of it, to the loss for convolution and dense kernels; its
    gradient 2 * l2 * w is torch's weight_decay = 2 * l2 on those tensors and 0 on biases and BN.

    Keras' velocity is v = momentum * v - lr * g, torch's buffer is b = momentum * b + g with a step
    of lr * b. They agree while lr is constant; where it changes, multiplying the buffer by
    lr_old / lr_new keeps v = -lr * b and so the paper's trajectory.
    """

    def __init__(self, network: nn.Module, settings: dict):
        kernels, others = [], []  # type: ignore[var-annotated]  # parameters
        for parameter in network.parameters():
            (kernels if parameter.dim() > 1 else others).append(parameter)
        self.settings = settings
        self.rate = learning_rate(settings, 0)
        self.sgd = torch.optim.SGD(
            [
                {"params": kernels, "weight_decay": 2 * settings["l2"]},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=self.rate,
            momentum=settings["momentum"],
            fused=True,
        )

    def start_epoch(self, epoch: int) -> float:
        """Set and return the learning rate of `epoch` (0-based)."""
        new = learning_rate(self.settings, epoch)
        if new != self.rate:
            for state in self.sgd.state.values():
                if state.get("momentum_buffer") is not None:
                    state["momentum_buffer"].mul_(self.rate / new)
            for group in self.sgd.param_groups:
                group["lr"] = new
            self.rate = new
        return new

    def state(self) -> dict:
        """What a resume checkpoint must hold."""
        return {"sgd": self.sgd.state_dict(), "rate": self.rate}

    def restore(self, state: dict) -> None:
        """Continue from :meth:`state`."""
        self.sgd.load_state_dict(state["sgd"])
        self.rate = state["rate"]
