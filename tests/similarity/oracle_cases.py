"""The inputs of oracle.json: eight pairs of layers, always the same."""

import numpy as np


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> (X, Y), float64 arrays of shape (examples, features), from one fixed seed."""
    rng = np.random.default_rng(0)
    found = {}

    x = rng.standard_normal((200, 30))
    y = x @ rng.standard_normal((30, 50)) * 0.3 + rng.standard_normal((200, 50))
    found["tall n200 p30 q50"] = x, y

    z = rng.standard_normal((64, 10))
    x = z @ rng.standard_normal((10, 512)) + rng.standard_normal((64, 512))
    y = z @ rng.standard_normal((10, 256)) + rng.standard_normal((64, 256))
    found["wide n64 p512 q256"] = x, y

    u = rng.standard_normal((300, 80)) * np.arange(1, 81) ** -1.0
    x = u @ np.linalg.qr(rng.standard_normal((80, 80)))[0] + 3.0
    y = u[:, :40] + 0.05 * rng.standard_normal((300, 40))
    y = y @ np.linalg.qr(rng.standard_normal((40, 40)))[0] - 1.0
    found["powerlaw n300 p80 q40 +mean"] = x, y

    images = rng.standard_normal((48, 3, 6, 6))
    w, v = rng.standard_normal((8, 3)), rng.standard_normal((16, 8))
    x = np.maximum(np.einsum("oc,nchw->nohw", w, images), 0)
    pooled = x.reshape(48, 8, 3, 2, 3, 2).mean((3, 5))
    y = np.maximum(np.einsum("oc,nchw->nohw", v, pooled), 0)
    found["conv n48 8x6x6 16x3x3 (p>n)"] = x.reshape(48, -1), y.reshape(48, -1)

    h = rng.standard_normal((256, 20))
    x = np.maximum(h @ rng.standard_normal((20, 200)) + 1, 0)
    y = np.maximum(h @ rng.standard_normal((20, 150)) + 1, 0)
    found["relu n256 p200 q150"] = x, y

    x = rng.standard_normal((100, 20))
    found["identical n100 p20"] = x, x.copy()

    x = rng.standard_normal((100, 20))
    y = 7.0 * x @ np.linalg.qr(rng.standard_normal((20, 20)))[0] + 2.0
    found["rotated+scaled n100 p20"] = x, y

    x = rng.standard_normal((120, 40))
    found["independent n120 p40 q60"] = x, rng.standard_normal((120, 60))
    return found
