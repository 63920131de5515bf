"""A GPU that is none, for machines without one: what is handed to it is computed on the CPU, and
what a real one refuses raises.

A tensor on it says that it lies on `cuda:0` and keeps its numbers in the host's memory. Operations
give the CPU's numbers. Those that mix tensors of both places raise, and so does taking an array of
one that lies there. `PretendedGpu.waits` tells what the host waits for. It is one thread's, and
autograd's engine asks the driver, so that backward passes do not work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GPU, HOST = torch.device("cuda", 0), torch.device("cpu")
ATEN = torch.ops.aten
COMPOSITE = "CompositeImplicitAutograd"
# Operations that may have tensors of both places: they move numbers.
MOVES = (ATEN._to_copy.default, ATEN.copy_.default)
# Operations whose outcome the host waits for.
WAITS = (ATEN._local_scalar_dense.default, ATEN.nonzero.default, ATEN.masked_select.default)


class OnGpu(torch.Tensor):
    """A tensor that lies on the pretended GPU; `numbers`: where they really are."""

    __module__ = "torch"  # as of any tensor: code tells them by it
    numbers: torch.Tensor

    @staticmethod
    def __new__(cls, numbers: torch.Tensor) -> "OnGpu":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            numbers.size(),
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=GPU,
        )
        made.numbers = numbers
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"OnGpu({self.numbers})"

    def tolist(self) -> list:
        """Brought over first."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(
        cls, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        raise RuntimeError(f"{operation}: there is no pretended GPU any more")


class PretendedGpu(TorchDispatchMode):
    """While it is active, `cuda` is a place. waits: the operations for whose outcome on the device
    the host waited, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch._C._dispatch_has_kernel_for_dispatch_key(operation.name(), COMPOSITE):
            # In inference mode it comes here whole; of others only what they consist of.
            with self:
                return operation.decompose(*args, **kwargs)
        return self._computed(operation, args, kwargs)

    def _computed(self, operation: Any, args: tuple, kwargs: dict) -> Any:
        """What an operation gives, where it would lie."""
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        there = [x for x in tensors if isinstance(x, OnGpu)]
        asked = kwargs.get("device")
        if there and operation not in MOVES:
            for x in tensors:
                # A number of no dimension goes along as an argument.
                if not isinstance(x, OnGpu) and x.dim() > 0:
                    raise RuntimeError(f"{operation}: tensors on {GPU} and on {x.device}")
        to_there = bool(there) if asked is None else torch.device(asked).type == "cuda"
        if operation is ATEN.copy_.default:
            to_there = isinstance(args[0], OnGpu)
        if there and (operation in WAITS or (operation in MOVES and not to_there)):
            self.waits.append(str(operation))
        if asked is not None:
            kwargs = {**kwargs, "device": HOST}
        known = {id(x.numbers): x for x in there}
        args, kwargs = tree_map(lambda x: x.numbers if isinstance(x, OnGpu) else x, (args, kwargs))
        with no_dispatch():
            outcome = operation(*args, **kwargs)

        def placed(x: Any) -> Any:
            if not isinstance(x, torch.Tensor) or not to_there:
                return x
            if id(x) in known:  # it changed in place
                return known[id(x)]
            with torch.inference_mode(x.is_inference()):
                return OnGpu(x)

        return tree_map(placed, outcome)


@contextmanager
def pretended_gpu() -> Iterator[PretendedGpu]:
    """While the block runs `torch.device("cuda", 0)` can be used."""
    # Under torch's own mode for tensors without numbers it asks for no driver. That mode computes
    # nothing here, because the inner one answers first.
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    # A network's parameters are replaced where it is moved: their memory cannot be exchanged.
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    before_cudnn, torch.backends.cudnn.enabled = torch.backends.cudnn.enabled, False
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), PretendedGpu() as gpu:
            yield gpu
    finally:
        torch.backends.cudnn.enabled = before_cudnn
        torch.__future__.set_overwrite_module_params_on_conversion(before)
