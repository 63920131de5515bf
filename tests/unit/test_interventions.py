"""What is done in training against block structure: the penalty on the first principal component
against NumPy, and colour jitter against torchvision."""

import numpy as np
import pytest
import torch
from repatlas.layers import layers_of
from repatlas.models.registry import build
from repatlas.training import colour
from repatlas.training.batches import TrainingBatches
from repatlas.training.principal_component import PrincipalComponentPenalty, power_step
from scipy import stats

MODEL = {
    "architecture": "resnet",
    "depth": 8,
    "width": 0.25,
    "init": "he_normal",
    "bn_momentum": 0.1,
}
CPU = torch.device("cpu")


def small_network(seed=0):
    generator = torch.Generator().manual_seed(seed)
    network = build(MODEL, (1, 8, 8), 10, generator)
    return network.to(memory_format=torch.channels_last)


def planted(share, n=64, p=40, seed=0):
    """Activations (n, p) of which one direction has about `share` of the variance, off centre."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, p))
    direction = rng.standard_normal(p)
    direction /= np.linalg.norm(direction)
    noise -= np.outer(noise @ direction, direction)
    along = rng.standard_normal(n)
    along *= np.sqrt(share / (1 - share) * (noise**2).sum() / (along**2).sum())
    return noise + np.outer(along, direction) + 10, direction


def power_step_by_hand(x, u):
    x = x - x.mean(axis=0)
    v = x.T @ x @ u
    return np.linalg.norm(v) / (x**2).sum(), v / np.linalg.norm(v)


def test_a_power_step_is_the_formula():
    x, _ = planted(0.4)
    u = np.random.default_rng(1).standard_normal(40)
    u /= np.linalg.norm(u)
    for _ in range(3):
        share, following = power_step(torch.tensor(x), torch.tensor(u))
        expected, u_next = power_step_by_hand(x, u)
        assert share.item() == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(following.numpy(), u_next, rtol=1e-10)
        u = u_next


def test_its_gradient_is_that_of_the_formula_with_u_constant():
    x, _ = planted(0.4, 12, 6)
    u = np.eye(6)[0]
    tensor = torch.tensor(x, requires_grad=True)
    power_step(tensor, torch.tensor(u))[0].backward()
    steps = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][place] += 1e-6
        moved[1][place] -= 1e-6
        up, down = (power_step_by_hand(m, u)[0] for m in moved)
        steps[place] = (up - down) / 2e-6
    np.testing.assert_allclose(tensor.grad.numpy(), steps, atol=1e-8)


@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_power_steps_find_a_planted_component(share):
    x, direction = planted(share)
    u = torch.tensor(np.random.default_rng(1).standard_normal(40))
    u /= torch.linalg.vector_norm(u)
    found = []
    for _ in range(60):
        value, u = power_step(torch.tensor(x), u)
        found.append(value.item())
    spectrum = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    assert found[-1] == pytest.approx(spectrum[0] / spectrum.sum(), rel=1e-6)
    assert max(found) <= spectrum[0] / spectrum.sum() * (1 + 1e-12)
    if share > 0.2:
        assert abs(u.numpy() @ direction) > 0.99


def test_a_layer_in_which_nothing_varies_costs_nothing_and_keeps_its_direction():
    x = torch.full((8, 5), 3.0, requires_grad=True)
    u = torch.eye(5)[1]
    share, following = power_step(x, u)
    share.backward()
    assert share.item() == 0
    assert torch.equal(following, u)
    assert torch.isfinite(x.grad).all()


def penalty_of(network, images, strength=1.0, threshold=0.0, passes=1):
    penalty = PrincipalComponentPenalty(network, MODEL, strength, threshold, 3)
    with penalty.watching():
        for _ in range(passes):
            network(images)
            value = penalty.take()
    return penalty, value


def test_the_penalty_sums_over_relu_layers_from_the_second_stage_on():
    network = small_network().train()
    images = torch.rand(16, 1, 8, 8)
    penalty, value = penalty_of(network, images, strength=2.0, passes=2)
    late = [la.name for la in layers_of(MODEL) if la.kind == "relu" and la.name[:6] > "stage1"]
    assert list(penalty.layers) == late == list(penalty.directions)
    kept = {}
    handles = [
        network.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: kept.__setitem__(name, out.detach())
        )
        for name in late
    ]
    network(images)
    for handle in handles:
        handle.remove()
    again = PrincipalComponentPenalty(network, MODEL, 2.0, 0.0, 3)
    total = 0.0
    for name in late:
        x = kept[name].permute(0, 2, 3, 1).reshape(16, -1).double().numpy()
        u = again._first(name, torch.tensor(x)).double().numpy()
        assert np.linalg.norm(u) == pytest.approx(1, abs=1e-6)
        _, u = power_step_by_hand(x, u)
        share, u = power_step_by_hand(x, u)
        np.testing.assert_allclose(penalty.directions[name].numpy(), u, atol=1e-5)
        total += share
    assert value.item() == pytest.approx(2 * total, rel=1e-4)


def test_below_the_threshold_nothing_is_added_and_no_gradient_flows():
    network, images = small_network().train(), torch.rand(16, 1, 8, 8)
    _, value = penalty_of(network, images, threshold=0.99)
    assert value.item() == 0
    value.backward()
    assert all(p.grad is None or not p.grad.any() for p in network.parameters())
    _, value = penalty_of(network, images, threshold=0.0)
    value.backward()
    assert network.stage3.block1.conv2.weight.grad.any()


def test_steps_along_its_gradient_lower_a_dominant_component():
    network = small_network().train()
    images = torch.rand(32, 1, 8, 8) * torch.linspace(0, 4, 32)[:, None, None, None]
    penalty = PrincipalComponentPenalty(network, MODEL, 1.0, 0.2, 0)
    values = []
    with penalty.watching():
        for _ in range(40):
            network.zero_grad()
            network(images)
            value = penalty.take()
            values.append(value.item())
            value.backward()
            if len(values) > 10:  # by now u is the first component
                with torch.no_grad():
                    for parameter in network.parameters():
                        if parameter.grad is not None:
                            parameter -= 0.05 * parameter.grad
    assert values[10] > 0.3
    assert values[-1] < 0.5 * values[10]


def test_nothing_watches_once_the_block_has_ended():
    network = small_network()
    penalty, _ = penalty_of(network, torch.rand(8, 1, 8, 8))
    before = penalty.state()
    network(torch.rand(8, 1, 8, 8))
    assert all(torch.equal(before[k], v) for k, v in penalty.directions.items())
    assert not any(module._forward_hooks for module in network.modules())


@pytest.fixture
def photos():
    """Colour images from 0 to 1, grey and extreme pixels among them."""
    images = torch.rand(12, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    images[0] = images[0, :1]
    images[1] = (images[1] > 0.5).float()
    images[2] = 0
    return images.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("operation", "name", "amounts"),
    [
        (colour.brightness, "adjust_brightness", (0.2, 0.7, 1.0, 1.8)),
        (colour.contrast, "adjust_contrast", (0.2, 0.7, 1.0, 1.8)),
        (colour.saturation, "adjust_saturation", (0.2, 0.7, 1.0, 1.8)),
        (colour.hue, "adjust_hue", (-0.5, -0.2, -0.01, 0.0, 0.13, 0.2, 0.5)),
    ],
)
def test_each_operation_is_torchvisions(operation, name, amounts, photos):
    from torchvision.transforms.v2 import functional

    for amount in amounts:
        ours = operation(photos, torch.full((12, 1, 1, 1), amount))
        torch.testing.assert_close(
            ours, getattr(functional, name)(photos, amount), atol=2e-6, rtol=0
        )


def test_grey_is_torchvisions(photos):
    from torchvision.transforms.v2 import functional

    expected = functional.rgb_to_grayscale(photos)
    torch.testing.assert_close(colour.luma(photos), expected, atol=1e-6, rtol=0)


def test_draws_in_a_given_order_are_torchvisions_operations_in_that_order(photos):
    from torchvision.transforms.v2 import functional

    generator = torch.Generator().manual_seed(4)
    draws = colour.draw(12, 1.0, generator)
    jitter = colour.Jitter(draws, 5, torch.device("cpu"))
    parts = [jitter(photos[5 * k : 5 * k + 5], k) for k in range(3)]
    assert all(part.is_contiguous(memory_format=torch.channels_last) for part in parts)
    ours = torch.cat(parts)
    assert 0 <= ours.min() <= ours.max() <= 1
    names = ["brightness", "contrast", "saturation", "hue"]
    for k, image in enumerate(photos):
        if draws.applied[k]:
            for number in draws.places[k].tolist():
                adjust = getattr(functional, f"adjust_{names[number]}")
                image = adjust(image, draws.amounts[k, number].item())
        if draws.grey[k]:
            image = functional.rgb_to_grayscale(image, 3)
        torch.testing.assert_close(ours[k], image, atol=1e-5, rtol=0)


@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_draws_have_the_stated_distribution(strength):
    n = 20_000
    draws = colour.draw(n, strength, torch.Generator().manual_seed(0))
    assert draws.applied.float().mean().item() == pytest.approx(0.8, abs=0.012)
    assert draws.grey.float().mean().item() == pytest.approx(0.2, abs=0.012)
    low, high = max(0, 1 - 0.8 * strength), 1 + 0.8 * strength
    for column in range(3):
        uniform = stats.uniform(low, high - low)
        assert stats.kstest(draws.amounts[:, column].numpy(), uniform.cdf).pvalue > 1e-3
    hue = stats.uniform(-0.2 * strength, 0.4 * strength)
    assert stats.kstest(draws.amounts[:, 3].numpy(), hue.cdf).pvalue > 1e-3
    orders = np.unique(draws.places.numpy(), axis=0, return_counts=True)[1]
    assert len(orders) == 24
    assert stats.chisquare(orders).pvalue > 1e-3


def test_jittered_images_are_distributed_as_torchvisions():
    """Means of the channels of one image over many draws, against torchvision's per-image
    transforms (two-sample Kolmogorov-Smirnov)."""
    from torchvision.transforms import v2

    image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(7))
    n = 1500
    draws = colour.draw(n, 1.0, torch.Generator().manual_seed(1))
    ours = colour.Jitter(draws, n, torch.device("cpu"))(image.expand(n, -1, -1, -1), 0)
    transform = v2.Compose(
        [
            v2.RandomApply([v2.ColorJitter(0.8, 0.8, 0.8, 0.2)], p=0.8),
            v2.RandomGrayscale(p=0.2),
        ]
    )
    torch.manual_seed(0)
    theirs = torch.stack([transform(image) for _ in range(n)])
    for measured in (
        lambda x: x.mean(dim=(2, 3))[:, 0],
        lambda x: x.mean(dim=(2, 3))[:, 2],
        lambda x: x.std(dim=(1, 2, 3)),
        lambda x: (x[:, 0] - x[:, 1]).abs().mean(dim=(1, 2)),
    ):
        assert stats.ks_2samp(measured(ours).numpy(), measured(theirs).numpy()).pvalue > 1e-3


def batches(jitter, channels=3):
    images = np.random.default_rng(0).integers(0, 256, (40, channels, 8, 8), dtype=np.uint8)
    return TrainingBatches(images, np.arange(40), 20, 1, True, 5, CPU, jitter)


def test_no_batch_of_an_epoch_waits_for_the_host():
    """What a GPU would have to answer before the next kernel: sizes of selections, single numbers,
    and data from the host. All of it is asked for before the first batch."""
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(function.overloadpacket.__name__)
            return function(*args, **(kwargs or {}))

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (64, 3, 8, 8), dtype=np.uint8)
    batches = TrainingBatches(images, np.arange(64), 16, 1, True, 0, CPU, colour_jitter=1)
    epoch = batches.epoch(0)
    next(epoch)
    with Watch():
        assert sum(len(labels) for _, labels in epoch) == 48
    assert "index_put_" in seen, "colours were changed"
    assert not {"nonzero", "_local_scalar_dense", "lift_fresh", "bincount", "sort"} & set(seen)


def test_jitter_comes_after_the_same_crops_and_flips():
    plain = [images for images, _ in batches(0).epoch(3)]
    jittered = [images for images, _ in batches(1.0).epoch(3)]
    assert all(images.is_contiguous(memory_format=torch.channels_last) for images in jittered)
    unchanged = sum(
        torch.equal(a, b)
        for one, other in zip(plain, jittered, strict=True)
        for a, b in zip(one, other, strict=True)
    )
    # (1 - .8) (1 - .2) of the images are left alone.
    assert stats.binomtest(unchanged, 40, 0.16).pvalue > 1e-3
    again = [images for images, _ in batches(1.0).epoch(3)]
    assert all(torch.equal(a, b) for a, b in zip(jittered, again, strict=True))
    other = [images for images, _ in batches(1.0).epoch(4)]
    assert not any(torch.equal(a, b) for a, b in zip(jittered, other, strict=True))
