"""The networks against the paper's description and torch's own layers."""

import copy

import numpy as np
import pytest
import torch
from repatlas.grams import gram_vector
from repatlas.layers import layers_of, select
from repatlas.models.layers import TRUNCATED_STD, SameConv2d
from repatlas.models.registry import build
from repatlas.models.taps import tapped
from repatlas.similarity import compare
from torch import nn


def spec(depth=14, width=1, architecture="resnet", **changes):
    base = {"architecture": architecture, "depth": depth, "width": width}
    return {**base, "init": "he_normal", "bn_momentum": 0.01, **changes}


def network(model, shape=(3, 32, 32), seed=0):
    return build(model, shape, 10, torch.Generator().manual_seed(seed))


# Rows of the paper's heat maps (Keras layers, pooling and flattening included), and its ReLUs.
@pytest.mark.parametrize(
    ("depth", "architecture", "n_layers"),
    [
        (26, "resnet", 93),
        (38, "resnet", 135),
        (44, "resnet", 156),
        (110, "resnet", 387),
        (164, "resnet", 576),
        (38, "cnn", 115),
    ],
)
def test_layers_are_those_of_the_papers_heat_maps(depth, architecture, n_layers):
    layers = layers_of(spec(depth, architecture=architecture))
    assert len(layers) == n_layers
    assert sum(layer.kind == "relu" for layer in layers) == depth - 1


@pytest.mark.parametrize("architecture", ["resnet", "cnn"])
def test_named_layers_are_the_modules_in_the_order_in_which_they_run(architecture):
    model = spec(20, 0.25, architecture)
    net, named = network(model, (1, 8, 8)), layers_of(model)
    order = []
    handles = [
        module.register_forward_hook(lambda *_args, name=name: order.append(name))
        for name, module in net.named_modules()
        if not list(module.children())
    ]
    net(torch.rand(2, 1, 8, 8))
    assert order == [layer.name for layer in named]
    assert len(handles) == len(named)


# Parameters in millions, from the paper's architecture (conv biases and projections included).
@pytest.mark.parametrize(
    ("depth", "width", "millions"), [(14, 1, 0.18), (14, 2, 0.70), (38, 2, 2.25), (56, 1, 0.86)]
)
def test_number_of_parameters(depth, width, millions):
    count = sum(p.numel() for p in network(spec(depth, width)).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.006)


@pytest.mark.parametrize("width", [0.5, 1.4, 2.8])
def test_fractional_widths_round_the_stem_and_double_from_there(width):
    net = network(spec(8, width))
    base = round(16 * width)
    assert net.conv.out_channels == base
    assert net.stage3.block1.conv1.out_channels == 4 * base
    assert net.dense.in_features == 4 * base


@pytest.mark.parametrize("side", [8, 9, 28, 32, 33])
def test_every_input_size_from_8_up(side):
    assert network(spec(8, 0.25), (1, side, side))(torch.rand(2, 1, side, side)).shape == (2, 10)


@pytest.mark.parametrize(("kernel", "size"), [(3, 8), (3, 9), (1, 8)])
def test_strided_convolution_pads_as_tensorflow_does(kernel, size):
    """Independent reference: TensorFlow's "same" output at position i reads input from
    i * stride - pad_before, with pad_before = total // 2."""
    conv = SameConv2d(1, 1, kernel, 2).double()
    x = torch.rand(1, 1, size, size, dtype=torch.float64)
    out = -(-size // 2)
    total = max((out - 1) * 2 + kernel - size, 0)
    padded = np.pad(x[0, 0].numpy(), (total // 2, total - total // 2))
    weight, bias = conv.weight.detach().numpy()[0, 0], conv.bias.item()
    expected = [
        [
            (padded[2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel] * weight).sum() + bias
            for j in range(out)
        ]
        for i in range(out)
    ]
    np.testing.assert_allclose(conv(x).detach().numpy()[0, 0], expected, rtol=1e-12)


def test_he_normal_is_keras_truncated_normal():
    net = network(spec(8, 4))
    weights = net.stage3.block1.conv2.weight.detach().double()
    target = (2 / weights[0].numel()) ** 0.5
    assert weights.std().item() == pytest.approx(target, rel=0.01)
    assert weights.abs().max().item() <= 2 * target / TRUNCATED_STD * (1 + 1e-6)
    assert net.stage3.block1.conv2.bias.abs().max() == 0
    assert net.dense.bias.abs().max() == 0


@pytest.mark.parametrize("init", ["he_uniform", "glorot_uniform", "orthogonal"])
def test_other_initialisations(init):
    a, b = network(spec(8, init=init)), network(spec(8, init=init))
    assert torch.equal(a.dense.weight, b.dense.weight), "the same seed draws the same weights"
    assert not torch.equal(a.dense.weight, network(spec(8, init=init), seed=1).dense.weight)


def test_batch_norm_is_keras():
    norms = [m for m in network(spec(8)).modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}


def test_residual_connections_carry_the_input():
    """With its last BN scaled to zero a residual block is the identity after a ReLU, and a block
    of the CNN is zero."""
    for architecture, expected in (("resnet", True), ("cnn", False)):
        block = network(spec(8, 1, architecture)).stage1.block1.eval()
        nn.init.zeros_(block.bn2.weight)
        x = torch.rand(2, 16, 8, 8)
        assert torch.equal(block(x), x) is expected


def test_taps_see_each_layer_before_anything_overwrites_it():
    model = spec(8, 0.5)
    net = network(model, (1, 8, 8)).eval()
    names = [layer.name for layer in layers_of(model)]
    kept = {}
    with torch.no_grad(), tapped(net, names, lambda i, out: kept.update({names[i]: out.clone()})):
        logits = net(torch.rand(3, 1, 8, 8))
    assert list(kept) == names
    assert kept["bn"].min() < 0, "not the ReLU's output"
    assert torch.equal(kept["relu"], kept["bn"].relu())
    assert torch.equal(kept["dense"], logits)
    block = {n.rsplit(".", 1)[1]: v for n, v in kept.items() if n.startswith("stage1.block1")}
    assert torch.equal(block["add"], kept["relu"] + block["bn2"])


def test_no_hook_is_left_behind_by_an_unknown_name():
    net = network(spec(8, 0.5), (1, 8, 8))
    with pytest.raises(KeyError, match="nowhere"), tapped(net, ["relu", "nowhere"], print):
        pass
    assert not any(module._forward_hooks for module in net.modules())


def test_no_hook_is_left_behind_even_after_an_error():
    net = network(spec(8, 0.5), (1, 8, 8))

    def fail(_index, _output):
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"), tapped(net, ["bn"], fail):
        net(torch.rand(2, 1, 8, 8))
    assert not any(module._forward_hooks for module in net.modules())


class Own(nn.Module):
    """A user's network, with a layer that writes over its input."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.dense = nn.Linear(4 * 36, 3)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        return self.dense(x.flatten(1))


def test_what_is_taken_inside_a_tap_is_not_what_a_later_layer_writes_over_it():
    torch.manual_seed(0)
    net, images = Own().eval(), torch.rand(16, 1, 8, 8)
    names = ["conv", "bn", "relu", "dense"]
    taken, kept = {}, {}

    def receive(index, output):
        taken[names[index]] = gram_vector(output.flatten(1), dtype=None)[0]
        kept[names[index]] = output

    with torch.no_grad(), tapped(net, names, receive):
        logits = net(images)
    with torch.no_grad():
        before = net.bn(net.conv(images))
    expected = {"bn": before, "relu": before.relu(), "dense": logits}
    for name, values in expected.items():
        own = gram_vector(values.flatten(1), dtype=None)[0]
        np.testing.assert_allclose(taken[name], own, atol=1e-4 * np.abs(own).max())
    similarity = compare(before, before.relu())
    assert similarity < 0.99
    # The trap is there: the tensor itself, kept, is the ReLU's output, as peers report it.
    assert torch.equal(kept["bn"], before.relu())
    assert abs(np.corrcoef(taken["bn"], taken["relu"])[0, 1]) < 0.999


def test_taps_keep_no_graph_of_a_network_in_training():
    net, kept = Own().train(), []
    with tapped(net, ["bn", "dense"], lambda _index, output: kept.append(output.requires_grad)):
        loss = net(torch.rand(4, 1, 8, 8)).sum()
    assert kept == [False, False]
    loss.backward()
    assert net.conv.weight.grad is not None, "the user's own graph is whole"


def test_a_users_network_is_left_as_it_was():
    net = Own().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    own = net.relu.register_forward_hook(lambda *_args: None)
    seen = []
    with torch.no_grad(), tapped(net.eval(), ["bn", "relu"], lambda i, _out: seen.append(i)):
        net(torch.rand(2, 1, 8, 8))
    assert seen == [0, 1]
    assert list(net.relu._forward_hooks) == [own.id], "the user's own hook stays, and only that"
    assert not any(m._forward_hooks for m in net.modules() if m is not net.relu)
    assert not any(m._forward_pre_hooks or m._backward_hooks for m in net.modules())
    own.remove()
    copied = copy.deepcopy(net)
    with torch.no_grad():
        copied(torch.rand(2, 1, 8, 8))
    assert seen == [0, 1], "a copy calls nobody"
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (["all"], 30),
        (["relu"], 7),
        (["residual"], 3),
        (["stage2.*"], 8),
        (["relu", "dense"], 8),
        (["projection"], 2),
    ],
)
def test_selecting_layers(wanted, count):
    layers = layers_of(spec(8))
    chosen = select(layers, wanted)
    assert len(chosen) == count
    assert chosen == sorted(chosen)


def test_selecting_nothing_says_what_is_accepted():
    with pytest.raises(ValueError, match=r"'rlu' matches no layer.*relu.*stage2"):
        select(layers_of(spec(8)), ["rlu"])
