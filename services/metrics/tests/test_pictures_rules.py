"""Pictures of KPIs over time: what they show and tell, in English and in Chinese, and the numbers beside them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.charts.rules import Note
from opsloop_metrics.insights.periods import Frame, Interval, WeekStart
from opsloop_metrics.pictures import rules
from opsloop_metrics.pictures.rules import Point, Portrait, Trouble
from services.metrics.tests.pictures import SVG, described, of_class, parsed, shown, words

pytestmark = pytest.mark.quick

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def frame(days=4, *, now=None, interval=Interval.DAY, zone="UTC"):
    end = FIRST + days * DAY
    return Frame("acme", zone, WeekStart.MONDAY, interval, FIRST, end, now or end)


def points(*values, **rest):
    return [
        Point(FIRST + place * DAY, FIRST + (place + 1) * DAY, value, 1, **rest) for place, value in enumerate(values)
    ]


def portrait(*values, name="Sign-ups", unit=None, is_share=False, open_from=None, troubles=(), notes=(), **rest):
    return Portrait(
        name, unit, is_share, frame(len(values)), points(*values, **rest), open_from, troubles=troubles, notes=notes
    )


def drawn(*values, language="en", **fields):
    return rules.draw_kpi(portrait(*values, **fields), language)


def ticks(svg):
    """Return what stands beside the scale, from below."""
    return [each.text for each in parsed(svg).iter(f"{SVG}text") if each.get("text-anchor") == "end"]


def test_a_line_is_told_by_its_first_last_and_highest_value():
    svg = drawn(10, 1_234, 7, 20, unit="people")

    assert described(svg) == "Nov 1, 2026 – Nov 4, 2026 · people. Value: first 10, last 20, peak 1,234 (Nov 2)."
    assert shown(svg)[:2] == ["Sign-ups", "Nov 1, 2026 – Nov 4, 2026 · people"]
    assert (
        described(drawn(10, 20, language="zh"))
        == "2026年11月1日至2026年11月2日。 数值：首值10，末值20，峰值20（11月2日）。"
    )


def test_it_stands_beside_its_target():
    svg = drawn(10, 20, 30, target=25.0)

    [aim] = [each for each in of_class(svg, "before") if each.tag == f"{SVG}path"]
    assert aim.get("class") == "line s6 before"
    assert "Target: 25." in described(svg)
    assert "Target25" in shown(svg)
    assert "目标：25。" in described(drawn(10, 20, 30, target=25.0, language="zh"))
    assert of_class(drawn(10, 20, 30), "before") == []


def test_a_target_that_begins_later_is_drawn_from_then_on():
    known = portrait(10, 20, 30)
    later = replace(
        known, points=[replace(each, target=None if not place else 25.0) for place, each in enumerate(known.points)]
    )

    [aim] = of_class(rules.draw_kpi(later, "en"), "before")

    assert aim.get("d").count("L") == 1


def test_a_share_is_told_in_percent():
    svg = drawn(0.05, 0.125, is_share=True, unit="ratio", target=0.08)

    assert "first 5%, last 12.5%" in described(svg)
    assert "Target: 8%." in described(svg)
    assert ticks(svg) == ["0%", "5%", "10%", "15%"]
    assert "ratio" not in words(svg)


@pytest.mark.parametrize(
    ("values", "target", "low"),
    [
        ([0.982, 0.994, 0.983], 0.98, "98%"),  # near each other: seen at all only so
        ([0.98, 0.4, 0.99], 0.98, "0%"),
        ([0.98, 0.98, 0.98], 0.98, "0%"),  # a flat line has no near
        ([0.982, 0.994, 0.983], None, "0%"),  # with nothing to be near to
        ([0.982, 0.994, 0.983], 0.2, "0%"),
    ],
)
def test_the_scale_begins_at_zero_unless_all_is_near_its_target(values, target, low):
    assert ticks(drawn(*values, is_share=True, target=target))[0] == low


def test_of_negative_values_the_scale_has_both_ends():
    assert ticks(drawn(-10, -9, target=-8.0)) == ["-10", "-8", "-6", "-4", "-2", "0"]


def test_incidents_are_bands_in_the_colour_of_their_severity():
    troubles = [
        Trouble("critical", FIRST + DAY + 3 * HOUR, FIRST + DAY + 9 * HOUR),
        Trouble("warning", FIRST + 2 * DAY, None),
        Trouble("info", FIRST - DAY, FIRST + HOUR),
    ]
    svg = drawn(1, 2, 3, troubles=troubles)

    bands = of_class(svg, "band")
    assert [each.get("class") for each in bands] == ["f1 band", "f5 band", "f6 band"]
    assert [each.find(f"{SVG}title").text for each in bands] == [
        "Critical incident, Nov 2, 03:00 to Nov 2, 09:00",
        "Warning incident since Nov 3, 00:00",
        "Info incident, Oct 31, 00:00 to Nov 1, 01:00",
    ]
    assert "shaded: 3 incidents" in shown(svg)[1]
    assert "Warning incident since Nov 3, 00:00." in described(svg)
    chinese = drawn(1, 2, 3, troubles=troubles, language="zh")
    assert "底色：3起告警" in shown(chinese)[1]
    assert "告警（严重），11月2日 03:00至11月2日 09:00。" in described(chinese)
    assert "shaded: 1 incident" in words(drawn(1, 2, troubles=troubles[:1]))


def edges(band):
    return float(band.get("x")), float(band.get("x")) + float(band.get("width"))


def test_a_band_lies_within_the_picture_however_short_or_long_it_is():
    whole, short, late, over = (
        Trouble("critical", FIRST - 400 * DAY, None),
        Trouble("critical", FIRST + HOUR, FIRST + HOUR),
        Trouble("critical", FIRST + 3 * DAY - HOUR, FIRST + 9 * DAY),
        Trouble("critical", FIRST - 9 * DAY, FIRST - 8 * DAY),
    )
    svg = drawn(1, 2, 3, troubles=[whole, short, late, over])

    bands = [edges(each) for each in of_class(svg, "band")]
    assert len(bands) == 3  # what was over before is not drawn
    assert all(bands[0][0] <= left < right <= bands[0][1] for left, right in bands)
    assert bands[1][1] - bands[1][0] == 3
    one = drawn(1, troubles=[whole, short])
    assert len(of_class(one, "band")) == 2


def test_what_was_expected_is_a_pale_stretch_wherever_both_ends_are_known():
    expected = [Point(FIRST + place * DAY, FIRST + (place + 1) * DAY, 5, 1) for place in range(6)]
    for place in (0, 1, 3, 4, 5):
        expected[place] = replace(expected[place], low=4.0, high=None if place == 5 else 6.0)
    svg = rules.draw_kpi(replace(portrait(*range(6)), points=expected), "en")

    [stretch] = of_class(svg, "band")
    assert (stretch.get("class"), stretch.get("d").count("Z")) == ("f0 band", 2)
    assert "pale: as expected" in shown(svg)[1]
    assert "浅色带：预期范围" in rules.draw_kpi(replace(portrait(*range(6)), points=expected), "zh")


def test_what_people_noted_is_marked():
    svg = drawn(1, 2, 3, notes=[Note(FIRST + DAY, "launched <b>it</b>")])

    assert len(of_class(svg, "mark")) == 1
    assert "Nov 2, 2026: launched <b>it</b>." in described(svg)


def test_a_period_that_runs_is_dotted():
    svg = drawn(1, 2, 3, open_from=2)

    assert len(of_class(svg, "open")) == 1
    assert "dotted: not over yet" in shown(svg)[1]
    assert "Valuelast 2" in shown(svg)


@pytest.mark.parametrize("values", [(), (None,), (None, None)])
def test_nothing_is_said_to_be_nothing(values):
    svg = drawn(*values, target=3.0, troubles=[Trouble("info", FIRST, None)])

    assert "There is nothing to draw." in shown(svg)
    assert "没有可绘制的数据。" in drawn(*values, language="zh")


def test_hostile_words_are_shown_as_they_are():
    svg = drawn(1, 2, name="<script>alert(1)</script>\u202e&\x00", unit="<b>")

    assert parsed(svg).find(f"{SVG}script") is None
    assert shown(svg)[0] == "<script>alert(1)</script>&\ufffd"
    assert "<b>" in shown(svg)[1]


def test_the_largest_is_bounded():
    many = [Note(FIRST + HOUR * place, "n" * 500) for place in range(500)]
    svg = drawn(*range(1_000), name="k" * 200, notes=many, troubles=[Trouble("critical", FIRST, None)] * 100)

    assert len(svg) < 400_000


def test_the_table_has_a_row_for_each_interval():
    names, rows = rules.kpi_table(portrait(1, None, target=3.0, low=0.5))

    assert names == ("from", "to", "value", "samples", "target", "low", "high")
    assert rows == [
        ("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", 1, 1, 3.0, 0.5, None),
        ("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z", None, 1, 3.0, 0.5, None),
    ]


@pytest.mark.parametrize(
    ("now", "starts", "last"),
    [
        (FIRST + 9 * DAY, 4, FIRST + 4 * DAY),  # all are over
        (FIRST + 2 * DAY + HOUR, 3, FIRST + 2 * DAY + HOUR),  # one runs
        (FIRST + 2 * DAY, 2, FIRST + 2 * DAY),  # at midnight none has begun
        (FIRST + HOUR, 1, FIRST + HOUR),
    ],
)
def test_intervals_that_have_begun_end_now_at_the_latest(now, starts, last):
    assert rules.edges_until(frame(now=now)) == [FIRST + place * DAY for place in range(starts)] + [last]


def test_of_days_ahead_there_are_none():
    assert rules.edges_until(frame(now=FIRST)) == []
    assert rules.edges_until(frame(now=FIRST - DAY)) == []


@pytest.mark.parametrize(
    ("interval", "since"),
    [
        (Interval.HOUR, datetime(2026, 10, 30, 19, tzinfo=UTC)),
        (Interval.DAY, datetime(2026, 10, 3, tzinfo=UTC)),
        (Interval.WEEK, datetime(2026, 4, 12, tzinfo=UTC)),
        (Interval.MONTH, datetime(2025, 12, 1, tzinfo=UTC)),
    ],
)
def test_thirty_intervals_are_shown_of_months_twelve(interval, since):
    assert rules.since(FIRST, interval, "UTC") == since


@pytest.mark.parametrize(
    ("interval", "period"),
    [("day", "day"), ("week", "day"), ("month", "day"), ("week", "week"), ("month", "month")],
)
def test_intervals_as_long_as_what_is_kept_are_taken(interval, period):
    rules.require_kept(Interval(interval), Interval(period))


@pytest.mark.parametrize(("interval", "period"), [("hour", "day"), ("day", "week"), ("week", "month")])
def test_shorter_ones_are_refused(interval, period):
    with pytest.raises(Invalid) as refused:
        rules.require_kept(Interval(interval), Interval(period))

    assert refused.value.errors == (FieldError("/interval", f"of this KPI one value is kept for each {period}"),)


@pytest.mark.parametrize(
    ("interval", "judged", "hours"),
    [
        (Interval.DAY, None, 0),
        (Interval.DAY, DAY, 36),  # its own day, and half of it further: around the point that stands for it
        (Interval.DAY, DAY - HOUR, 35),  # of the day on which clocks go on
        (Interval.WEEK, DAY, 24),
        (Interval.HOUR, HOUR, 1.5),
        (Interval.DAY, HOUR, 1),
    ],
)
def test_an_incident_of_a_day_that_was_over_is_shown_around_that_day(interval, judged, hours):
    trouble = Trouble("critical", FIRST + 2 * DAY, FIRST + 3 * DAY, judged)

    assert rules.ago(trouble, interval) == hours * HOUR


def test_an_anomaly_is_shaded_where_its_value_stands_and_told_when_it_was_open():
    values, opened = (10, 10, 2, 10, 10), FIRST + 3 * DAY + HOUR / 60
    anomaly = Trouble("critical", opened, opened + DAY, DAY)

    svg = drawn(*values, troubles=[anomaly])

    [band] = of_class(svg, "band")
    left, right = edges(band)
    # the dot of the line is at the last of five points, from left to right
    [dot] = [each for each in parsed(svg).iter(f"{SVG}circle") if "dot" in each.get("class")]
    first, _ = edges(of_class(drawn(*values, troubles=[Trouble("info", FIRST - DAY, FIRST + DAY / 2)]), "band")[0])
    middle = (float(dot.get("cx")) + first + 6) / 2
    assert left < middle < right
    assert (left + right) / 2 == pytest.approx(middle, abs=1)
    assert "Critical incident, Nov 4, 00:01 to Nov 5, 00:01." in described(svg)


def test_the_last_value_that_is_over_is_told_beside_its_point():
    svg = drawn(20, 10, 4, open_from=2)

    [dot] = [each for each in parsed(svg).iter(f"{SVG}circle") if "dot" in each.get("class")]
    [key] = [each for each in of_class(svg, "f0") if each.tag == f"{SVG}rect"]
    whole = drawn(20, 10)
    [last] = [each for each in parsed(whole).iter(f"{SVG}circle") if "dot" in each.get("class")]
    assert dot.get("cy") == last.get("cy")
    assert float(key.get("y")) + 5 == pytest.approx(float(dot.get("cy")), abs=1)
    assert "last 10" in words(svg)
