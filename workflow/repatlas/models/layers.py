"""Building blocks with the paper's Keras semantics, each operation a module of its own.

A tap (a forward hook) sees a tensor only where a module returns it, and sees it unchanged only
where no later module works in place. So the residual addition is a module, every ReLU is a
separate instance, and nothing here is in place.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

# Standard deviation of a standard normal truncated at two standard deviations; Keras divides by it
# so that the truncated draw has the variance asked for.
TRUNCATED_STD = 0.87962566103423978


class Add(nn.Module):
    """The residual addition."""

    def forward(self, shortcut: Tensor, branch: Tensor) -> Tensor:
        """Sum of two tensors of shape (examples, channels, height, width)."""
        return shortcut + branch


class GlobalAveragePool(nn.Module):
    """Mean over the spatial positions, kept as (examples, channels, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """(examples, channels, height, width) -> (examples, channels, 1, 1)."""
        return x.mean(dim=(2, 3), keepdim=True)


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding.

    At stride 2 on an even side TensorFlow pads 0 before and 1 after, where `padding=1` would pad
    1 and 1 and so sample a grid shifted by one pixel.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(examples, channels, height, width) -> (examples, out, ceil(height/s), ceil(width/s))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return functional.conv2d(x, self.weight, self.bias, 1, kernel // 2)
        if kernel > 1:
            sides = []
            for size in (x.shape[-1], x.shape[-2]):
                total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
                sides += [total // 2, total - total // 2]
            x = functional.pad(x, sides)
        return functional.conv2d(x, self.weight, self.bias, stride, 0)


def batch_norm(channels: int, momentum: float) -> nn.BatchNorm2d:
    """Batch normalisation with Keras' epsilon; `momentum` is the weight of the new batch."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=momentum)


def initialise(model: nn.Module, scheme: str, generator: torch.Generator) -> None:
    """Draw all kernels of `model` from `generator` by `scheme`; biases 0, BN weight 1 and bias 0.

    Schemes: `he_normal` (Keras: truncated normal with standard deviation sqrt(2/fan_in), the
    paper's), `he_uniform`, `glorot_uniform`, `orthogonal`.
    """
    with torch.no_grad():
        for module in model.modules():
            if not isinstance(module, (nn.Conv2d, nn.Linear)):
                continue
            weight = module.weight
            fan_in = weight[0].numel()
            fan_out = weight.shape[0] * (weight[0, 0].numel() if weight.dim() == 4 else 1)
            if scheme == "he_normal":
                std = math.sqrt(2 / fan_in) / TRUNCATED_STD
                nn.init.trunc_normal_(weight, 0, std, -2 * std, 2 * std, generator=generator)
            elif scheme == "he_uniform":
                bound = math.sqrt(6 / fan_in)
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            elif scheme == "glorot_uniform":
                bound = math.sqrt(6 / (fan_in + fan_out))
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            elif scheme == "orthogonal":
                nn.init.orthogonal_(weight, math.sqrt(2), generator=generator)
            else:
                raise ValueError(f"unknown initialisation {scheme!r}")
            if module.bias is not None:
                module.bias.zero_()
