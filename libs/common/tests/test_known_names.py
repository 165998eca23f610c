"""Names that somebody wrote and nothing has: told with the nearest known one."""

from __future__ import annotations

import time

import pytest

from opsloop_common.known_names import hint, unknown


@pytest.mark.parametrize(
    ("name", "names", "ends"),
    [
        ("severty", ("severity", "status"), "; did you mean severity?"),
        ("q", ("text", "limit"), "; known are limit, text"),
        ("q", (), ""),
        ("zzz", [f"name{number}" for number in range(21)], ""),
        ("反馈来元", ("反馈来源", "状态"), "; did you mean 反馈来源?"),
    ],
)
def test_a_hint_is_the_nearest_name_else_all_when_they_are_few(name, names, ends):
    assert hint(name, names) == ends


def test_a_long_name_is_told_cut_off_and_costs_nothing():
    began = time.perf_counter()
    told = unknown("a" * 1_000_000, [f"{'a' * 99}{number}" for number in range(200)], what="field")

    assert told == "a" * 99 + "… is no field"
    assert time.perf_counter() - began < 0.1
