"""Memory that measures computed from activations take, known from the sizes alone.

What a job holds at its peak is estimated before it allocates anything, and before a study starts:
the numbers of bytes below are those of the arrays that the code in `repatlas.similarity` makes,
with the work space of LAPACK's drivers, rounded up.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from repatlas.errors import ResourceError
from repatlas.own import is_own

FORMS = 1e9  # bytes of layers' forms held at a time (repatlas.similarity.forms)
STRIPS = 512e6  # bytes of strips of examples-by-examples matrices (repatlas.similarity.profiles)
BASE = 300e6  # Python, NumPy, SciPy and the table that is made

BASES = ("cca_mean", "cca_r2", "svcca", "linear_regression", "pwcca")
SHAPES = ("procrustes", "angular_shape")


# What PyTorch's allocators say, on the CPU and on a GPU; their exceptions have no class in common.
NO_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def out_of_memory_is_named(doing: str, advice: str) -> Iterator[None]:
    """Turn an allocation that failed into a ResourceError: what was being done, and what to do."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        said = str(error)
        if isinstance(error, MemoryError) or any(text in said.lower() for text in NO_MEMORY):
            detail = f" ({said.splitlines()[0]})" if said else ""
            raise ResourceError(f"Out of memory while {doing}{detail}.\n{advice}") from error
        raise


def needed(measure: str, n: int, features: Sequence[int]) -> float:
    """Bytes at the peak of comparing layers of so many `features` by `measure` on `n` examples.

    For a measure of activations, not for minibatch CKA. 0 without layers.
    """
    if not features:
        return 0.0
    widest = max(features)
    if measure in BASES:
        return BASE + _bases(n, features, measure == "pwcca")
    if measure in SHAPES:
        forms = [8 * n * min(n, p) for p in features]
        making = 4 * n * widest + 16 * n * widest + 8 * n * widest * (widest > n) + 16 * n * n
        d = min(n, widest)
        return BASE + _held(forms) + max(making, 8 * 4 * d * d)
    if measure == "rsa":
        # Copies of the layer, its Gram matrix, and ranks with their order.
        making = 28 * n * widest + 8 * n * n + 5 * 4 * n * n
        return BASE + _held([4 * n * n for _ in features]) + making
    if measure == "knn_jaccard":
        return BASE + 28 * n * widest + 3 * 8 * min(n * n, max(1 << 22, n))
    if is_own(measure):
        # Layers as float64, centred once to see whether they can be compared, and what a function
        # of two of them commonly makes: a copy of each, and matrices of examples by examples.
        return BASE + _held([8 * n * p for p in features]) + 40 * n * widest + 4 * 8 * n * n
    # A layer as it is stored with its copies, and the strips of all layers, singly and stacked.
    # Only linear kernels keep to float32; a median wants all distances at once.
    linear = measure in ("cka", "cka_biased", "cka_lange")
    strips = 2 * min(STRIPS, 4 * len(features) * n * n) + min(STRIPS, 8 * n * n)
    median = 4 * 4 * n * n if measure == "cka_rbf" else 0
    return BASE + (12 if linear else 28) * n * widest + strips + median


def most_examples(measure: str, features: Sequence[int], available: float) -> int:
    """The largest number of examples for which :func:`needed` stays within `available` bytes."""
    low, high = 0, 1
    while needed(measure, high, features) <= available and high < 1 << 30:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (
            (middle, high) if needed(measure, middle, features) <= available else (low, middle)
        )
    return low


def check_memory(measure: str, n: int, features: Sequence[int], available: int) -> None:
    """ResourceError where :func:`needed` exceeds `available` bytes, with what would fit."""
    wanted = needed(measure, n, features)
    if wanted <= available:
        return
    fits = most_examples(measure, features, available)
    advice = (
        f"Up to {fits:,} examples would fit here (`probe: {{size: ...}}`). " if fits > 3 else ""
    )
    raise ResourceError(
        f"{measure} on {n:,} examples and layers of up to {max(features):,} features would take "
        f"about {wanted / 1e9:.0f} GB of memory; this machine has {available / 1e9:.0f} GB.\n"
        f"{advice}Fewer or smaller layers (`taps`), another measure, or a larger machine help as "
        "well."
    )


def _held(forms: Sequence[float]) -> float:
    """Bytes of the forms that are held together: a group, and one that meets it."""
    return min(sum(forms), FORMS + 2 * max(forms))


def _bases(n: int, features: Sequence[int], directions: bool) -> float:
    ranks = [min(n - 1, p) for p in features]
    forms = [8 * r * (n + p * directions) for r, p in zip(ranks, features, strict=True)]
    # A layer as it is stored, centred, as LAPACK's copy, its factors and their work space.
    making = max(20 * n * p + 8 * min(n, p) * (n + p) + 40 * min(n, p) ** 2 for p in features)
    r = max(ranks)
    pair = 8 * (7 * r * r + 2 * r * max(features)) if directions else 8 * 4 * r * r
    return _held(forms) + max(making, pair)
