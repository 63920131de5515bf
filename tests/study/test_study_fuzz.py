"""Whatever stands in a study's file, people get a study or a message, never a traceback."""

import datetime
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repatlas.errors import ConfigError
from repatlas.study import Study

VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from([0.5, 1e300, math.inf, math.nan, datetime.date(2026, 1, 1)])
    | st.sampled_from(["", "all", "auto", "digits", "relu", "1e-3", "1/0", "../x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["depth", "width", "source", "where", "set", "seed", "x", 7, None]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
PLACES = [
    *((key,) for key in ("study", "title", "datasets", "data_root", "grid", "exclude", "include")),
    *((key,) for key in ("overrides", "data", "taps", "probe", "measures", "comparisons", 3)),
    *(
        (key,)
        for key in ("keep_activations", "figures", "figure_settings", "device", "jobs_per_gpu")
    ),
    *(("grid", key) for key in ("dataset", "fraction", "random_labels", "seed", "flip", 3)),
    *(("training", key) for key in ("epochs", "learning_rate", "batch_size", "crop_padding")),
    *(("comparisons", key) for key in ("across_architectures", "layers", "seed_pairs")),
    ("datasets", "mine"),
    ("probe", "batch_size"),
]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3))
def test_whatever_stands_in_the_file_is_used_or_refused_in_words(changes):
    config: dict = {"study": "x", "grid": {"depth": [8, 14], "seed": [0, 1]}}
    for path, value in changes:
        inner = config
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                return
        inner[path[-1]] = value
    try:
        Study(config)
    except ConfigError as error:
        text = str(error)
        assert text.startswith("The study in the configuration cannot be used; ")
        for word in ("pydantic", "Traceback", "Input should", "validation"):
            assert word not in text
