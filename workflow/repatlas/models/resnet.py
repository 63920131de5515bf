"""The paper's CIFAR networks: ResNet v1 of depth 6n+2, and the same without residual connections.

Source: He et al. 2016, section 4.2, as built by Nguyen, Raghu & Kornblith (ICLR 2021, appendix B):
three stages of n basic blocks, 16w, 32w and 64w channels, the stem widened too, projections
without batch normalisation, a bias in every convolution.
"""

from torch import Tensor, nn

from repatlas.models.layers import Add, GlobalAveragePool, SameConv2d, batch_norm


class BasicBlock(nn.Module):
    """conv-BN-ReLU-conv-BN, addition, ReLU.

    Modules are registered in the order in which the paper's Keras graph runs them: in a transition
    block the projection (`shortcut`) comes between the second convolution and its BN.
    """

    def __init__(
        self, entering: int, channels: int, stride: int, residual: bool, bn_momentum: float
    ):
        super().__init__()
        self.conv1 = SameConv2d(entering, channels, 3, stride)
        self.bn1 = batch_norm(channels, bn_momentum)
        self.relu1 = nn.ReLU()
        self.conv2 = SameConv2d(channels, channels, 3)
        projects = residual and (stride != 1 or entering != channels)
        self.shortcut = SameConv2d(entering, channels, 1, stride) if projects else None
        self.bn2 = batch_norm(channels, bn_momentum)
        self.add = Add() if residual else None
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(examples, entering, H, W) -> (examples, channels, H/stride, W/stride)."""
        branch = self.conv2(self.relu1(self.bn1(self.conv1(x))))
        if self.add is None:
            return self.relu2(self.bn2(branch))
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.relu2(self.add(shortcut, self.bn2(branch)))


class CifarResNet(nn.Module):
    """ResNet (or, with `residual=False`, plain CNN) of depth 6n+2 for images of 8x8 and more.

    Parameters: `depth` = 6n+2; `width` multiplies 16 channels (fractions allowed, rounded);
    `shape` = (channels, height, width) of one image; `bn_momentum` = weight of the new batch.
    """

    def __init__(
        self,
        depth: int,
        width: float,
        shape: tuple[int, int, int],
        n_classes: int,
        residual: bool = True,
        bn_momentum: float = 0.01,
    ):
        super().__init__()
        base = round(16 * width)
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth {depth} is not of the form 6n+2")
        if base < 1:
            raise ValueError(f"width {width} rounds to no channels")
        self.input = nn.Identity()
        self.conv = SameConv2d(shape[0], base, 3)
        self.bn = batch_norm(base, bn_momentum)
        self.relu = nn.ReLU()
        entering = base
        for stage in (1, 2, 3):
            channels = base * 2 ** (stage - 1)
            blocks = nn.Sequential()
            for block in range(1, (depth - 2) // 6 + 1):
                stride = 2 if stage > 1 and block == 1 else 1
                blocks.add_module(
                    f"block{block}", BasicBlock(entering, channels, stride, residual, bn_momentum)
                )
                entering = channels
            self.add_module(f"stage{stage}", blocks)
        self.pool = GlobalAveragePool()
        self.flatten = nn.Flatten()
        self.dense = nn.Linear(entering, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (examples, C, H, W), float in [0, 1] -> logits (examples, classes)."""
        x = self.relu(self.bn(self.conv(self.input(x))))
        # The stages were added by name, which annotations do not know.
        x = self.stage3(self.stage2(self.stage1(x)))  # type: ignore[operator]
        return self.dense(self.flatten(self.pool(x)))
