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
        ("Severity", ("severity", "status"), "; did you mean severity?"),
        (" STATUS\u200b", ("severity", "status"), "; did you mean status?"),
        ("asia/shanghai", ("Asia/Shanghai", "Asia/Tokyo"), "; did you mean Asia/Shanghai?"),
        ("equals", ("eq", "ne", "exists"), "; did you mean eq?"),
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


def test_what_nobody_sees_in_a_name_is_told():
    assert unknown("ann\u200b", ("ann", "bob"), what="name") == "ann<U+200B> is no name; did you mean ann?"


@pytest.mark.parametrize(
    ("name", "names", "near"),
    [
        ("KPI.BREACHED", ("kpi.breached", "kpi.recovered"), "kpi.breached"),
        ("kpi.", ("kpi.*", "feedback.*"), "kpi.*"),
        ("kpi.breached\u202e", ("kpi.breached",), "kpi.breached"),
        ("x" * 101, ("x" * 100,), None),
        ("", ("a",), None),
        ("event", ("Events",), "Events"),
    ],
)
def test_the_nearest_is_found_whatever_the_case_and_told_as_it_is_known(name, names, near):
    assert nearest(name, names) == near


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
