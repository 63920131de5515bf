"""A small valid study that tests change one thing of, and a file of any text."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from repatlas.errors import ConfigError
from repatlas.study import Study
from repatlas.study.read import check_yaml

SMALL: dict[str, Any] = {"study": "small", "grid": {"depth": [8, 14], "seed": [0, 1]}}


@pytest.fixture
def small() -> dict[str, Any]:
    """A valid study of four networks on the digits."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a text to study.yaml in an empty working folder; the file's name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> str:
        Path("study.yaml").write_text(text, encoding="utf-8")
        return "study.yaml"

    return write


@pytest.fixture
def refused(written: Callable[[str], str]) -> Callable[[str], list[str]]:
    """The lines of the message that refuses a study of that text."""

    def lines(text: str) -> list[str]:
        file = written(text)
        with pytest.raises(ConfigError) as error:
            Study(check_yaml(file), [file])
        # People see the message alone, not pydantic's beneath it.
        assert error.value.__suppress_context__
        return str(error.value).splitlines()

    return lines
