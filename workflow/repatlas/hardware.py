"""What this machine has, asked without importing torch."""

import ctypes
import shutil
from pathlib import Path


def cuda_devices() -> int:
    """Number of CUDA GPUs that a process started here would see; 0 without a driver."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def free_disk(folder: str | Path) -> int:
    """Free bytes on the disk that holds `folder`, or would hold it."""
    path = Path(folder).absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
