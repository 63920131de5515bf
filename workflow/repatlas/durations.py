"""Durations as people say them."""


def spoken(seconds: float) -> str:
    """'45 s', '12 min', '3.5 h', '21 days': from 90 s on in minutes, from 90 min on in hours, from
    36 h on in days, from 18 months on in years."""
    for size, unit in ((31_557_600, "years"), (86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            value = seconds / size
            return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"
    return f"{seconds:.0f} s"
