"""What pictures say is true of what they show: of nobody, of what hangs down, of one, of money, of what is not over."""

from zoneinfo import ZoneInfo

import pytest

from opsloop_metrics.canvas.drawing import legend
from opsloop_metrics.canvas.words import Speech
from opsloop_metrics.charts.rules import draw
from services.metrics.tests.chart_answers import ANSWERS, funnel, funnel_steps, lifecycle
from services.metrics.tests.pictures import described, words

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(
    ("locale", "said"), [("en", "visited: 0, – of the first step."), ("zh", "visited：0，为第一步的–。")]
)
def test_of_nobody_there_is_no_share(locale, said):
    steps = [step | {"from_first": None} for step in funnel_steps(1, 0)]
    steps[0]["count"] = 0
    answer = funnel() | {"steps": steps, "time_to_convert": {"average_seconds": None, "median_seconds": None}}

    found = described(draw("funnel", answer, locale=locale))

    assert said in found
    assert "100%" not in found


@pytest.mark.parametrize(("locale", "word", "lowest"), [("en", "Dormant", "lowest -110"), ("zh", "沉默", "最低-110")])
def test_what_hangs_down_is_told_by_its_lowest(locale, word, lowest):
    answer = lifecycle() | {"dormant": [0, -70, -110, *[-80] * 17]}

    found = described(draw("lifecycle", answer, locale=locale))

    assert word in found
    assert lowest in found


@pytest.mark.parametrize(("locale", "said"), [("en", "pale: not over yet"), ("zh", "浅色：尚未结束")])
def test_pale_bars_are_explained_where_there_are_any(locale, said):
    assert said in words(draw("lifecycle", lifecycle() | {"incomplete_from": 19}, locale=locale))
    assert said not in words(draw("lifecycle", lifecycle() | {"incomplete_from": None}, locale=locale))


def test_of_one_is_said_as_of_one():
    totals = ANSWERS["revenue"]["totals"] | {"buyers": 1}
    assert "1 buyer" in words(draw("revenue", ANSWERS["revenue"] | {"totals": totals}))
    assert "1 buyers" not in words(draw("revenue", ANSWERS["revenue"] | {"totals": totals}))
    for word, said in {
        "cohorts": "1 cohort", "credited": "1 conversion, credited in equal parts", "compared_items": "1 item compared",
        "active_people": "1 active person", "both": "1 person has both", "active_in": "Active in so many of 1 interval",
    }.items():  # fmt: skip
        assert Speech("en", ZoneInfo("UTC")).say(word, count="1") == said
        assert Speech("en", ZoneInfo("UTC")).say(word, count="1,001") != said


@pytest.mark.parametrize(
    ("currency", "digits", "minor", "told"),
    [("CNY", 2, 8450, "84.50"), ("JPY", 0, 8450, "8,450"), ("KWD", 3, 8450, "8.450")],
)
def test_money_has_the_digits_of_its_currency(currency, digits, minor, told):
    days = ["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"]
    answer = {
        "currency": currency, "currency_digits": digits, "intervals": days, "net": [minor, 0], "refunds": [0, 0],
        "totals": {"net": minor, "refunds": 0, "buyers": 1, "arppu": float(minor)}, "incomplete_from": None,
    }  # fmt: skip

    svg = draw("revenue", answer)

    assert f"{told} {currency} per buyer" in words(svg)
    assert f"total {told}" in words(svg)
    assert f"Net {currency}: in all {told}." in described(svg)


def test_a_legend_uses_the_room_that_there_is():
    name = "a name of more than thirty characters that has room"

    assert name in legend([("f0", name), ("f1", "two")], 90)
