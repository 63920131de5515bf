"""Names that say what made an artifact: readable first, then a digest of what decides it."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

DIGEST_LENGTH = 8


def canonical(value: Any) -> Any:
    """`value` in the one form in which equal settings are equal.

    Mappings lose the entries that are None (a feature that is off is not part of a spec, so that
    adding an optional feature renames nothing), integral floats become integers, tuples lists.

    Raises TypeError for anything that is not a mapping, sequence, text, number, bool or None, and
    ValueError for NaN and infinities, which JSON cannot carry.
    """
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items() if v is not None}
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"{value} cannot be part of a specification")
        return int(value) if value.is_integer() else value
    if isinstance(value, Sequence):
        return [canonical(v) for v in value]
    raise TypeError(f"{type(value).__name__} cannot be part of a specification: {value!r}")


def canonical_json(value: Any) -> str:
    """`value` as canonical JSON: sorted keys, no blanks, numbers normalised."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(value: Any, length: int = DIGEST_LENGTH) -> str:
    """The first `length` hex digits of the SHA-256 of `value`'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def slug(text: Any) -> str:
    """`text` reduced to the letters, digits, dots and underscores that a file name may hold."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(text)).strip("-.") or "x"


def short_number(value: float) -> str:
    """A number as it stands in a name: 4, 0.0625, 1.4."""
    return f"{value:g}"
