"""Made-up activations for timing: the shapes of real layers, and values alike as theirs are."""

import numpy as np

LATENTS = 32
DRIFT = 0.3  # how much of the latent variables is new in the next layer


def activations(widths: tuple[int, ...], n: int, seed: int) -> list[np.ndarray]:
    """One (n, p) float32 array for each p of `widths`: rectified mixtures of latent variables.

    The latent variables drift from layer to layer and are the same in all networks at first, so
    that neighbouring layers are alike and none is independent of another; means are some .7
    standard deviations, as behind a ReLU.
    """
    latent = np.random.default_rng(2021).standard_normal((n, LATENTS), dtype=np.float32)
    generator = np.random.default_rng([2021, seed])
    layers = []
    for p in widths:
        new = generator.standard_normal(latent.shape, dtype=np.float32)
        latent = np.float32((1 - DRIFT**2) ** 0.5) * latent + np.float32(DRIFT) * new
        mixing = generator.standard_normal((LATENTS, p), dtype=np.float32)
        x = generator.standard_normal((n, p), dtype=np.float32)
        x *= np.float32(LATENTS**0.5)
        x += latent @ mixing
        np.maximum(x, 0, out=x)
        layers.append(x)
    return layers


def centred(layers: list[np.ndarray]) -> list[np.ndarray]:
    """Copies of the layers without their features' means over all examples."""
    return [x - x.mean(axis=0, dtype=np.float64).astype(x.dtype) for x in layers]


def reference(a: list[np.ndarray], b: list[np.ndarray], batch: int) -> np.ndarray:
    """Minibatch CKA (layers a, layers b) in float64 by the definition, to check values against.

    HSIC1 of Song et al. 2012 from the Gram matrices with zero diagonal, summed over whole batches.
    """
    n = len(a[0])
    cross = np.zeros((len(a), len(b)))
    own_a, own_b = np.zeros(len(a)), np.zeros(len(b))
    for start in range(0, n - batch + 1, batch):
        rows = slice(start, start + batch)
        grams_a = [_gram(x[rows]) for x in a]
        grams_b = [_gram(x[rows]) for x in b]
        cross += [[_hsic(k, m) for m in grams_b] for k in grams_a]
        own_a += [_hsic(k, k) for k in grams_a]
        own_b += [_hsic(k, k) for k in grams_b]
    return cross / np.sqrt(np.outer(own_a, own_b))


def _gram(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    x -= x.mean(axis=0)
    k = x @ x.T
    np.fill_diagonal(k, 0)
    return k


def _hsic(k: np.ndarray, m: np.ndarray) -> float:
    n = len(k)
    product = np.vdot(k, m)
    product += k.sum() * m.sum() / ((n - 1) * (n - 2))
    product -= 2 * k.sum(axis=0) @ m.sum(axis=0) / (n - 2)
    return float(product / (n * (n - 3)))
