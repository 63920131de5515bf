"""Being told to end: before a time limit, a pre-emption or a cancellation comes SIGTERM."""

import signal
import threading
from typing import Any


class Termination:
    """Remembers within its `with` block that SIGTERM came, instead of ending at once.

    However often it comes: SLURM sends it before a time limit, again when the time is up, and ends
    with SIGKILL what takes too long. Outside the main thread, where Python lets nobody listen, the
    signal does what it did before.
    """

    def __init__(self) -> None:
        self.told = False

    def __enter__(self) -> "Termination":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(self, *_: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)

    def _hear(self, *_: Any) -> None:
        self.told = True
