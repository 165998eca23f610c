"""The weeks that the demo's app tells of: the same ones whatever day it is; and how tables stand on the screen."""

from __future__ import annotations

import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest
from typer.testing import CliRunner

from opsloop.cli import cli
from opsloop.demo.growth import WEEKS, first_monday, four_weeks, funnel_table, padded, retention_table
from opsloop.demo.story import SEED


@pytest.mark.parametrize(
    ("now", "monday"),
    [
        (datetime(2026, 11, 26, 12, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),  # a Thursday
        (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)),  # a Monday's first instant
        (datetime(2026, 11, 22, 23, 59, tzinfo=UTC), datetime(2026, 10, 19, tzinfo=UTC)),  # the Sunday before
        (datetime(2026, 11, 23, 7, tzinfo=timezone(timedelta(hours=8))), datetime(2026, 10, 19, tzinfo=UTC)),
    ],
)
def test_four_whole_weeks_before_this_one(now, monday):
    assert first_monday(now) == monday


def test_the_app_says_the_same_on_every_day_only_later():
    early, late = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)

    said = [list(four_weeks(monday, random.Random(SEED))) for monday in (early, late)]

    moved = [(each.call, each.given | {"timestamp": each.given["timestamp"] + (late - early)}) for each in said[0]]
    assert moved == [tuple(each) for each in said[1]]
    assert all(early < each.given["timestamp"] < early + timedelta(weeks=WEEKS) for each in said[0])
    assert Counter(each.call for each in said[0])["page"] == 160


def test_a_funnel_stands_in_columns_also_beside_chinese():
    def steps(first, second, seconds):
        names = ("label", "count", "from_previous", "median_seconds")
        rows = (("Visited", first, 1, None), ("Paid", second, first and second / first, seconds))
        return [dict(zip(names, row, strict=True)) for row in rows]

    funnel = {"steps": steps(4, 1, 5_400), "breakdown": [{"value": "微信", "steps": steps(0, 0, None)}]}

    assert funnel_table(funnel) == [
        "                    Visited           Paid    median",
        "all                       4      1 (25.0%)     1.5 h",
        "微信                      0       0 (0.0%)     0.0 h",
    ]


def test_of_a_retention_only_what_is_over_is_shown():
    over, open = {"share": 0.5, "is_complete": True}, {"share": 0.1, "is_complete": False}
    retention = {"cohorts": [{"size": 10, "values": [over, over]}, {"size": 7, "values": [over, open]}]}

    assert retention_table(retention | {"average": [0.5, None]}) == [
        "week 1   10   50.0%  50.0%",
        "week 2    7   50.0%",
        "mean          50.0%",
    ]


@pytest.mark.parametrize(("text", "shown"), [("ab", "ab  "), ("微信", "微信"), ("abcde", "abcde"), ("", "    ")])
def test_a_chinese_character_takes_two_places(text, shown):
    assert padded(text, 4) == shown


def test_without_the_apps_client_the_demo_says_what_to_install(monkeypatch):
    for name in [each for each in sys.modules if each.startswith("opsloop.demo")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "segment.analytics.client", None)

    done = CliRunner().invoke(cli, ["demo"])

    assert done.exit_code == 1
    assert "pip install 'opsloop[demo]'" in done.output
