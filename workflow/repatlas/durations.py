"""Durations as people say them, and lines that say how long a job still takes."""

import logging
import time

log = logging.getLogger(__name__)
EVERY = 20.0  # seconds between two lines


def spoken(seconds: float) -> str:
    """'45 s', '12 min', '3.5 h', '21 days': from 90 s on in minutes, from 90 min on in hours, from
    36 h on in days, from 18 months on in years."""
    for size, unit in ((31_557_600, "years"), (86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{seconds:.0f} s"


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
            about = spoken(left)
            log.info("%s: %s %d/%d, about %s left", self.name, self.unit, done, total, about)
