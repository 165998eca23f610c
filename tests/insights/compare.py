"""Where two answers differ. Sums and means are floats, and their last digits depend on the order of adding."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose
from typing import Any

from tests.insights.reference.events import is_number


def differences(found: Any, expected: Any, place: str = "") -> Iterator[str]:
    """Yield each place at which an answer is not as expected: `series.0.values.3: 2, expected 3`. More fields may be there."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name, value in expected.items():
            yield from differences(found.get(name, "absent"), value, f"{place}.{name}".lstrip("."))
    elif isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{place}: {len(found)} rows, expected {len(expected)}"
        for number, (one, other) in enumerate(zip(found, expected, strict=False)):
            yield from differences(one, other, f"{place}.{number}".lstrip("."))
    elif is_number(found) and is_number(expected):
        if not isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9):
            yield f"{place}: {found}, expected {expected}"
    elif type(found) is not type(expected) or found != expected:
        yield f"{place}: {found!r}, expected {expected!r}"
