"""How time, memory and disk follow from a workload: one function a quantity.

Seconds are those of one job on an otherwise idle machine, on one CPU thread or on one GPU.
"""

from repatlas.costs.rates import rate
from repatlas.costs.workload import Workload

# Launches of a layer in one step: forward, and backward by input and by weights.
KERNELS_TRAIN, KERNELS_FORWARD = 4, 1
FLOAT = 4  # bytes
BATCH = 250  # images of a forward pass


def pairs(n: int) -> int:
    """Unordered pairs of `n` examples: the entries of a Gram matrix that are kept."""
    return n * (n - 1) // 2


def train_seconds(
    work: Workload, batch: int, steps: int, evaluated: int, device: str = "cpu"
) -> float:
    """Training: `steps` batches of `batch` images, and forward passes of `evaluated` images, those
    of all evaluations together."""
    if device == "cpu":
        image = rate("cpu_train_mac") * work.macs
        image += rate("cpu_train_feature") * work.total_features
        step = batch * image + rate("cpu_train_layer") * len(work.layers)
    else:
        # Backward takes twice the forward pass; small networks wait for the launch of kernels.
        step = max(
            3 * 2 * work.macs * batch / rate("gpu_flops"),
            KERNELS_TRAIN * len(work.layers) * rate("gpu_kernel"),
        )
    return steps * step + forward_seconds(work, evaluated, device) + rate("cpu_start")


def forward_seconds(work: Workload, images: int, device: str = "cpu", batch: int = BATCH) -> float:
    """Forward passes of `images` images."""
    if device == "cpu":
        image = rate("cpu_forward_mac") * work.macs
        image += rate("cpu_forward_feature") * work.total_features
        return images * image + images / batch * rate("cpu_forward_layer") * len(work.layers)
    return max(
        images * 2 * work.macs / rate("gpu_flops"),
        images / batch * KERNELS_FORWARD * len(work.layers) * rate("gpu_kernel"),
    )


def extract_seconds(
    work: Workload, features: int, layers: int, batch: int, batches: int, device: str = "cpu"
) -> float:
    """Reading a network out: the forward pass of `batches` batches, and a Gram matrix of each of
    `layers` tapped layers, which give `features` numbers for an image together."""
    macs = batches * features * batch * (batch + 1) / 2
    seconds = forward_seconds(work, batch * batches, device, batch) + rate("cpu_start")
    # Entries are packed and written by the host wherever they were computed.
    seconds += rate("cpu_gram_entry") * batches * layers * pairs(batch)
    if device == "cpu":
        seconds += rate("cpu_gram_layer") * batches * layers
        return seconds + rate("cpu_gram_mac") * macs
    return seconds + 2 * 2 * macs / rate("gpu_flops")


def gram_bytes(layers: int, batch: int, batches: int) -> int:
    """A store of Gram matrices: float32 upper triangles and float64 diagonals, uncompressed."""
    return batches * layers * (FLOAT * pairs(batch) + 2 * FLOAT * batch)


def compare_seconds(
    networks: int, products: float, values: int, stored: int, batch: int, batches: int
) -> float:
    """Minibatch CKA: `products` inner products of Gram matrices in every batch, of `networks`
    whose stores hold `stored` bytes together, and a table of `values`."""
    macs = products * batches * pairs(batch)
    seconds = rate("cpu_compare_mac") * macs + rate("cpu_read_byte") * stored
    seconds += rate("cpu_compare_network") * networks
    return rate("cpu_start_light") + seconds + rate("cpu_value") * values


def train_bytes(work: Workload, batch: int, data: int) -> float:
    """Peak memory of training on `data` bytes of images."""
    held = rate("memory_train_feature") * batch * work.total_features
    held += rate("memory_parameter") * work.parameters + rate("memory_once")
    return rate("memory_start") + held + data


def forward_bytes(work: Workload, batch: int) -> float:
    """Peak memory of a forward pass."""
    held = rate("memory_forward_feature") * batch * max(work.features)
    return rate("memory_start") + rate("memory_once") + held + FLOAT * work.parameters


def checkpoint_bytes(work: Workload) -> int:
    """A saved network: parameters and batch statistics."""
    return FLOAT * (work.parameters + work.statistics)


def activation_bytes(features: int, examples: int) -> float:
    """A store of activations, compressed."""
    return rate("disk_activation") * features * examples


def table_bytes(values: int) -> float:
    """A file of similarities with their standard errors and sums, compressed."""
    return rate("disk_value") * values
