"""The published tables, and numbers as the pages about them write them."""

from pathlib import Path

import pandas as pd

PUBLISHED = Path(__file__).resolve().parents[1] / "results/published"


def table(study: str, name: str) -> pd.DataFrame:
    return pd.read_csv(PUBLISHED / study / "tables" / f"{name}.csv")


def cifar(name: str) -> pd.DataFrame:
    return table("cifar10-sixteenth", name)


def deepest(name: str) -> pd.DataFrame:
    """A table of ResNet-56, one network."""
    return table("cifar10-sixteenth-larger", name).query("depth == 56")


def larger_steps(name: str) -> pd.DataFrame:
    """A table of ResNet-38 with five times the learning rate, one network."""
    return table("cifar10-sixteenth-larger", name).query("depth == 38")


def short(value: float, digits: int = 2) -> str:
    """As the page writes it: .093, not 0.093."""
    return f"{value:.{digits}f}".removeprefix("0")


def listed(values, digits: int = 2) -> str:
    return ", ".join(short(value, digits) for value in values)


def ranged(values: pd.Series, digits: int) -> str:
    low, high = values.min(), values.max()
    return f"{short(values.mean(), digits)} ({short(low, digits)} to {short(high, digits)})"


def from_to(values: pd.Series, digits: int = 0) -> str:
    low, high = short(values.min(), digits), short(values.max(), digits)
    return low if low == high else f"{low} to {high}"
