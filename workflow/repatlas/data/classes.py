"""Classes as people name them: by name, or by number from 0."""

from collections.abc import Sequence


def class_number(classes: Sequence[str], member: str | int) -> int | None:
    """Number of the class that `member` names; None where there is no such class."""
    if isinstance(member, int):
        return member if 0 <= member < len(classes) else None
    return list(classes).index(member) if member in classes else None


def class_numbers(classes: Sequence[str], members: Sequence[str | int]) -> list[int] | None:
    """Numbers of several classes; None where one of them does not exist."""
    numbers = [class_number(classes, member) for member in members]
    known = [number for number in numbers if number is not None]
    return known if len(known) == len(numbers) else None
