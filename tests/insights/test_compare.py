"""What counts as a difference between two answers."""

from __future__ import annotations

import pytest

from tests.insights.compare import differences


@pytest.mark.parametrize(
    ("found", "expected", "told"),
    [
        ({"a": [1, 2]}, {"a": [1, 2]}, []),
        ({"a": 0.1 + 0.2, "b": 1}, {"a": 0.3, "b": 1.0}, []),
        ({"a": 1, "more": 2}, {"a": 1}, []),
        ({}, {"a": None}, ["a: 'absent', expected None"]),
        ({"a": [{"n": 1}]}, {"a": [{"n": 2}]}, ["a.0.n: 1, expected 2"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a: 1 rows, expected 2"]),
        ({"a": True}, {"a": 1}, ["a: True, expected 1"]),
        ({"a": None}, {"a": 0}, ["a: None, expected 0"]),
        ("x", "y", [": 'x', expected 'y'"]),
    ],
)
def test_differences_are_told_with_their_place(found, expected, told):
    assert list(differences(found, expected)) == told
