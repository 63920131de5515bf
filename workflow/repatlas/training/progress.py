"""What a training says of itself while it runs."""

import logging
import time
from typing import Any

log = logging.getLogger(__name__)

REPORT_EVERY = 20.0  # seconds between progress lines


class Progress:
    """Progress lines with the time left, no more often than every `REPORT_EVERY` seconds."""

    def __init__(self, name: str, training: Any):
        self.name, self.training = name, training
        self.start, self.first_epoch, self.last = time.monotonic(), training.epoch, 0.0

    def report(self) -> None:
        """Say how far the training is, if it is time to."""
        now, done = time.monotonic(), self.training.epoch
        if now - self.last < REPORT_EVERY and not self.training.finished:
            return
        self.last = now
        left = (now - self.start) / (done - self.first_epoch)
        left *= self.training.settings["epochs"] - done
        row = self.training.curve[-1]
        tested = next((r for r in reversed(self.training.curve) if r["test_accuracy"] >= 0), None)
        log.info(
            "%s: epoch %d/%d, training loss %.3f%s, about %s left",
            self.name,
            done,
            self.training.settings["epochs"],
            row["train_loss"],
            f", test accuracy {100 * tested['test_accuracy']:.1f} %" if tested else "",
            f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s",
        )
