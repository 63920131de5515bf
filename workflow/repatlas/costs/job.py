"""What one job is expected to take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one job is expected to take; None where no law is known for it.

    seconds: on one thread, or on one GPU; memory: bytes at its peak; disk: bytes that stay.
    """

    rule: str
    job: str
    seconds: float | None
    memory: float | None
    disk: float
