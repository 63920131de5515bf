"""Networks of the user's own: how they are built, what their layers are, how they are tapped."""

import pytest
import torch
import torchvision
from repatlas.errors import ConfigError
from repatlas.layers import select
from repatlas.models.own import outline
from repatlas.models.registry import build
from repatlas.models.saved import load_saved
from repatlas.models.taps import tapped
from torch import nn

SHAPE = (3, 16, 16)


def resnet18(seed=0):
    model = {"architecture": "torchvision.models:resnet18", "arguments": [["weights", None]]}
    return build(model, SHAPE, 10, torch.Generator().manual_seed(seed))


def of(network, shape=SHAPE, classes=10):
    return outline(network, "it", shape, classes)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Write own.py in an empty working folder; the network of `own.py:Net`."""
    monkeypatch.chdir(tmp_path)

    def write(text, arguments=(), seed=0):
        file = tmp_path / f"own{len(list(tmp_path.iterdir()))}.py"
        file.write_text(f"import torch\nfrom torch import nn\n{text}")
        model = {"architecture": f"{file.name}:Net", "arguments": [list(a) for a in arguments]}
        return build(model, SHAPE, 10, torch.Generator().manual_seed(seed))

    return write


def test_the_seed_draws_the_weights_and_leaves_other_draws_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = resnet18(), resnet18(), resnet18(1)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first.fc.weight, again.fc.weight)
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_layers_of_torchvisions_resnet_are_its_operations_each_relu_twice():
    layers, features, _ = of(resnet18())
    names = [layer.name for layer in layers]
    block = ["conv1", "bn1", "relu", "conv2", "bn2", "relu:2"]
    assert names[4:10] == [f"layer1.0.{name}" for name in block]
    assert names[-2:] == ["avgpool", "fc"]
    assert sum(layer.kind == "relu" for layer in layers) == 17
    assert len(names) == len(set(names)) == 4 + 6 * 8 + 3 * 2 + 2
    assert features[0] == 64 * 8 * 8
    assert features[-1] == 10


def test_layers_of_a_transformer_are_found_where_blocks_add_up():
    network = torchvision.models.VisionTransformer(16, 4, 2, 2, 8, 16, num_classes=10)
    kinds = [layer.kind for layer in of(network).layers]
    assert kinds.count("encoderblock") == 2
    assert kinds.count("multiheadattention") == 2
    assert kinds.count("gelu") == 2


class InPlace(nn.Module):
    """A residual block of which two operations write over the output of a tapped layer."""

    def __init__(self, num_classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.bn = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
        self.nothing = nn.Sequential()
        self.dense = nn.Linear(3, num_classes)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        out = self.block(x)
        out += self.nothing(x)
        return self.dense(self.relu(out).mean((2, 3)))


def test_what_works_in_place_changes_nothing_that_was_tapped():
    network = InPlace().eval()
    names = [layer.name for layer in of(network).layers]
    assert of(network).macs == 256 * 3 * 27 + 256 * 3 * 3 + 30
    assert names == ["conv", "bn", "relu", "block.0", "block.1", "relu:2", "dense"]
    images, found = torch.rand(4, *SHAPE), {}
    with torch.inference_mode(), tapped(network, names, lambda k, x: found.update({k: x.clone()})):
        network(images)
    with torch.no_grad():
        bn = network.bn(network.conv(images))
        relu = bn.relu()
        branch = network.block(relu)
        expected = [network.conv(images), bn, relu, network.block[0](relu), branch]
        expected += [(branch + relu).relu(), network.dense((branch + relu).relu().mean((2, 3)))]
    for k, values in enumerate(expected):
        torch.testing.assert_close(found[k], values, msg=lambda m, k=k: f"{names[k]}: {m}")
    assert bn.min() < 0, "otherwise the ReLU in place would change nothing"


def test_a_block_that_adds_in_place_is_a_layer_of_its_own():
    class Block(InPlace):
        def forward(self, x):
            out = self.block(x)
            out += x
            return out

    network = nn.Sequential(Block(), nn.Flatten(), nn.Linear(3 * 16 * 16, 10))
    assert [(la.name, la.kind) for la in of(network).layers] == [
        ("0.block.0", "conv"),
        ("0.block.1", "bn"),
        ("0", "block"),
        ("1", "flatten"),
        ("2", "dense"),
    ]


def test_runs_of_one_module_are_chosen_by_number_kind_or_pattern():
    layers = of(InPlace()).layers
    assert [layers[k].name for k in select(layers, ["relu"])] == ["relu", "relu:2"]
    assert [layers[k].name for k in select(layers, ["relu:2"])] == ["relu:2"]


def test_a_layer_that_some_images_do_not_reach_stops_the_pass():
    class Fickle(InPlace):
        def forward(self, x):
            return self.dense((self.relu(x) if x.mean() > 0 else x).mean((2, 3)))

    network = Fickle().eval()
    with tapped(network, ["relu"], lambda *_: None):
        network(torch.ones(2, *SHAPE))
        with pytest.raises(ConfigError, match="'relu' was not computed for these images"):
            network(-torch.ones(2, *SHAPE))


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("Net = 3", (), "is int; a class or function is expected"),
        ("def Net(num_classes): return 3", (), "gives int; a torch.nn.Module is expected"),
        ("def Net(classes): pass", (), "takes classes: missing a required argument: 'classes'"),
        ("def Net(num_classes): pass", [("wide", 1)], "got an unexpected keyword argument 'wide'"),
        ("def Net(num_classes): return 1 / 0", (), r"ZeroDivisionError: .*own0.py, line 3\)"),
        ("import nowhere", (), "No module named 'nowhere'"),
        ("def Net(:", (), "SyntaxError: invalid syntax"),
        ("class Nett: pass", (), "has no 'Net'; it has Nett"),
    ],
)
def test_code_that_gives_no_network_is_told_with_the_reason(written, text, arguments, message):
    with pytest.raises(ConfigError, match=message):
        written(text, arguments)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        ("x.flatten(1)", r"gives \(2, 768\) for 2 images and 10 classes"),
        ("[x]", "gives list for 2 images"),
        ("self.dense(x)", "cannot take images of 3x16x16: RuntimeError"),
    ],
)
def test_a_network_that_gives_no_logits_is_told(written, forward, message):
    network = written(
        "class Net(nn.Module):\n    def __init__(self, num_classes):\n"
        "        super().__init__()\n        self.dense = nn.Linear(5, num_classes)\n"
        f"    def forward(self, x):\n        return {forward}\n"
    )
    with pytest.raises(ConfigError, match=message):
        of(network)


def test_a_null_argument_and_the_shape_of_the_images_reach_the_network(written):
    network = written(
        "class Net(nn.Module):\n    def __init__(self, num_classes, image_shape, norm='bn'):\n"
        "        super().__init__()\n        self.given = num_classes, image_shape, norm\n",
        [("norm", None)],
    )
    assert network.given == (10, SHAPE, None)


# --- saved weights --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}])
def test_saved_weights_are_the_networks(tmp_path, wrap):
    saved, network = resnet18(1), resnet18(2)
    torch.save(wrap(saved.state_dict()), tmp_path / "w.pt")
    load_saved(network, tmp_path / "w.pt", "it")
    for key, value in saved.state_dict().items():
        assert torch.equal(network.state_dict()[key], value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: {k: v for k, v in s.items() if k != "fc.bias"},
            "does not fit it: it lacks fc.b",
        ),
        (lambda s: {**s, "x": torch.ones(1)}, "the network has no x"),
        (lambda s: {**s, "fc.bias": torch.ones(7)}, r"of another shape: fc.bias \(7 for 10\)"),
        (
            lambda s: {f"module.{k}": v for k, v in s.items()},
            "and 117 more; the network has no mod",
        ),
        (lambda s: {"net": s, "lr": 0.1}, "holds a mapping with lr, net; a state dict is expected"),
        (lambda s: [1], "holds a list; a state dict is expected"),
        (lambda s: nn.ReLU(), "holds no state dict that can be read safely"),
    ],
)
def test_saved_weights_that_do_not_fit_are_told_by_name(tmp_path, change, message):
    torch.save(change(resnet18().state_dict()), tmp_path / "w.pt")
    with pytest.raises(ConfigError, match=message):
        load_saved(resnet18(), tmp_path / "w.pt", "it")
