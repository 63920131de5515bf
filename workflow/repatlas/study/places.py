"""Where a study's file says what a network's settings are."""

from repatlas.study.axes import SETTINGS
from repatlas.study.settings import StudySettings


def place(axis: str, settings: StudySettings) -> tuple[str | int, ...]:
    """Where the file says, or would say, what `axis` is."""
    if axis in settings.grid.given:
        return ("grid", axis)
    for number, entry in enumerate(settings.include):
        if axis in entry.given:
            return ("include", number, axis)
    for number, override in enumerate(settings.overrides):
        if axis in override.set.given:
            return ("overrides", number, "set", axis)
    return (SETTINGS[axis], axis)
