"""Pictures of objectives: bars of key results and the time that has passed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opsloop_metrics.pictures import rules
from opsloop_metrics.pictures.rules import Goal, Part
from services.metrics.tests.pictures import SVG, described, of_class, parsed, shown

pytestmark = pytest.mark.quick

HALF = Part("Renewals", "at_risk", 0.5, kpi="renewals", value=50, start=0, target=100, weight=2.0)
NONE = Part("Replies in a day", "off_track", None, value=None, start=10, target=1)


def goal(*parts, state="at_risk", progress=0.4, pace=0.7, zone="UTC"):
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    return Goal("Customers stay", state, progress, pace, start, end, zone, parts)


def fills(svg):
    """Return (class, width) of the bars over their ground."""
    return [
        (each.get("class"), float(each.get("width")))
        for each in parsed(svg).iter(f"{SVG}rect")
        if each.get("height") == "14" and each.get("class") != "ghost"
    ]


def test_each_key_result_has_a_bar_as_long_as_its_progress():
    svg = rules.draw_goal(goal(HALF, NONE), "en")

    assert fills(svg) == [("f5", 824 * 0.4), ("f5", 824 * 0.5), ("f1", 0)] or fills(svg) == [
        ("f5", 329.6),
        ("f5", 412.0),
        ("f1", 0.0),
    ]
    assert shown(svg) == [
        "Customers stay",
        "Oct 1, 2026 – Dec 31, 2026 · progress 40% · at risk · mark: time passed 70%",
        "The objective: mean by weight",
        "progress 40% · at risk",
        "Renewals",
        "now 50, from 0 to 100 · progress 50% · at risk",
        "Replies in a day",
        "now –, from 10 to 1 · progress – · off track",
    ]


def test_it_is_told_in_both_languages():
    assert described(rules.draw_goal(goal(HALF), "en")) == (
        "Oct 1, 2026 – Dec 31, 2026 · progress 40% · at risk · mark: time passed 70%. "
        "Renewals: now 50, from 0 to 100 · progress 50% · at risk."
    )
    assert described(rules.draw_goal(goal(HALF), "zh")) == (
        "2026年10月1日至2026年12月31日 · 进度40% · 有风险 · 竖线：时间已过70%。 Renewals：现为50，从0到100 · 进度50% · 有风险。"
    )


@pytest.mark.parametrize("pace", [0.0, 0.25, 1.0])
def test_the_time_that_has_passed_is_marked_on_each_bar(pace):
    svg = rules.draw_goal(goal(HALF, NONE, pace=pace), "en")

    marks = [each for each in of_class(svg, "ink") if each.tag == f"{SVG}rect"]
    assert [float(each.get("x")) for each in marks] == pytest.approx([28 + 824 * pace - 1] * 3)


@pytest.mark.parametrize(
    ("state", "english", "chinese", "colour"),
    [
        ("not_started", "not started", "未开始", "f6"),
        ("on_track", "on track", "正常", "f2"),
        ("at_risk", "at risk", "有风险", "f5"),
        ("off_track", "off track", "偏离", "f1"),
        ("achieved", "achieved", "已达成", "f2"),
        ("missed", "missed", "未达成", "f1"),
    ],
)
def test_each_state_has_its_word_and_its_colour(state, english, chinese, colour):
    one = goal(Part("One", state, 0.5), state=state)

    assert english in shown(rules.draw_goal(one, "en"))[1]
    assert chinese in shown(rules.draw_goal(one, "zh"))[1]
    assert fills(rules.draw_goal(one, "en"))[0][0] == colour


def test_objectives_below_have_bars_without_numbers():
    assert shown(rules.draw_goal(goal(Part("Below", "on_track", 0.8)), "en"))[2:] == [
        "Below",
        "progress 80% · on track",
    ]


def test_days_are_those_of_the_zone():
    assert "Sep 30, 2026" in described(rules.draw_goal(goal(HALF, zone="America/New_York"), "en"))


def test_one_without_parts_has_nothing_to_draw():
    svg = rules.draw_goal(goal(progress=None, state="not_started"), "en")

    assert "There is nothing to draw." in shown(svg)


def test_hostile_titles_are_shown_as_they_are_and_cut():
    svg = rules.draw_goal(goal(Part("<script>" + "长" * 200, "on_track", 0.1), HALF), "zh")

    assert parsed(svg).find(f"{SVG}script") is None
    assert any(each.startswith("<script>长") and each.endswith("…") for each in shown(svg))
    assert len(rules.draw_goal(goal(*[HALF] * 50), "en")) < 60_000


def test_the_table_has_a_row_for_each_part():
    names, rows = rules.goal_table(goal(HALF, NONE))

    assert names == ("title", "kpi", "start", "target", "value", "unit", "weight", "progress", "pace", "state")
    assert rows == [
        ("Renewals", "renewals", 0, 100, 50, None, 2.0, 0.5, 0.7, "at_risk"),
        ("Replies in a day", None, 10, 1, None, None, 1.0, None, 0.7, "off_track"),
    ]
    assert [row[5] for row in rules.goal_table(goal(replace(HALF, unit="orders")))[1]] == ["orders"]


@pytest.mark.parametrize(
    ("unit", "english", "chinese"),
    [
        ("orders", "now 50, from 0 to 100 orders · progress 50%", "现为50，从0到100 orders · 进度50%"),
        ("单", "now 50, from 0 to 100 单 · progress 50%", "现为50，从0到100 单 · 进度50%"),
        ("ratio", "now 5,000%, from 0% to 10,000% · progress 50%", "现为5,000%，从0%到10,000% · 进度50%"),
    ],
)
def test_numbers_are_told_in_their_unit(unit, english, chinese):
    one = goal(replace(HALF, unit=unit))

    assert english in described(rules.draw_goal(one, "en"))
    assert chinese in described(rules.draw_goal(one, "zh"))
    assert len(rules.draw_goal(goal(replace(HALF, unit="长" * 200)), "zh")) < 10_000
