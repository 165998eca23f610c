"""Names that somebody wrote and nothing has: told with the nearest known one."""

from __future__ import annotations

import time

import pytest

from opsloop_common.known_names import hint, nearest, unknown


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


PATHS = ("type", "link", "data.kpi", "data.severity", "data.author.user_id", "data.author.verified")


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("severity", PATHS, "data.severity"),
        ("Severity", PATHS, "data.severity"),
        ("Data.severity", PATHS, "data.severity"),
        ("DATA.KPI", PATHS, "data.kpi"),
        ("kpi", PATHS, "data.kpi"),
        ("event.kpi", PATHS, "data.kpi"),
        ("data.user_id", PATHS, "data.author.user_id"),
        ("serverity", PATHS, "data.severity"),
        ("user.verifed", PATHS, "data.author.verified"),
        ("data.kpi", ("event.data.kpi", "event.type"), "event.data.kpi"),
        ("kpi.resolved", ("feedback.resolved", "kpi.recovered", "alert.resolved"), "alert.resolved"),
        ("等级", ("data.等级", "data.区域"), "data.等级"),
        ("OPSLOOP_PROT", ("OPSLOOP_PORT", "OPSLOOP_HOST"), "OPSLOOP_PORT"),
        ("nothing.like.it", PATHS, None),
        ("", PATHS, None),
    ],
)
def test_the_nearest_is_found_by_its_last_part_and_in_any_letter_case(name, names, expected):
    assert nearest(name, names) == expected
