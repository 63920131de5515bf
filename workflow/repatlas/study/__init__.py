"""A study: its YAML file read, checked, and spelled out as networks, probes and comparisons."""

from repatlas.study.comparisons import Tile
from repatlas.study.study import Study, load_settings

__all__ = ["Study", "Tile", "load_settings"]
