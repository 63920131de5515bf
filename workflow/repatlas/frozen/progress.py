"""Progress lines of jobs that last."""

import logging
import time

log = logging.getLogger(__name__)
EVERY = 20.0  # seconds


class Progress:
    """To be called with the number done and the total: a line now and then, with the time left.

    Parameters: `name` of the network, `unit` of what is counted.
    """

    def __init__(self, name: str, unit: str):
        self.name, self.unit = name, unit
        self.start = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last > EVERY:
            self.last = now
            left = (now - self.start) / done * (total - done)
            minutes = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
            log.info("%s: %s %d/%d, about %s left", self.name, self.unit, done, total, minutes)
