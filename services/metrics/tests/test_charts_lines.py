"""What pictures of lines over time show: their courses, their ends, and what people noted."""

from datetime import timedelta

import pytest

from opsloop_metrics.charts.rules import Beside, Note, draw
from services.metrics.tests.chart_answers import (
    FIRST,
    NOTES,
    active_users,
    days,
    series,
    sessions,
    trends,
)
from services.metrics.tests.pictures import SVG, described, of_class, parsed, shown, words

pytestmark = pytest.mark.quick


def test_a_trend_is_told_by_its_first_last_and_highest_value():
    svg = draw("trends", trends(series("A", "signed_up", [10, 1_234, 7, 20])))

    assert described(svg) == (
        "Feb 28, 2026 – Mar 3, 2026. signed_up: first 10, last 20, peak 1,234 (Mar 1). signed_up: in all 1,271."
    )


def test_days_are_those_of_the_zone():
    given = trends(series("A", "signed_up", [1, 2, 9]))

    assert "peak 9 (Mar 3)" in described(draw("trends", given, zone="Asia/Shanghai"))
    assert "peak 9 (Mar 2)" in described(draw("trends", given, zone="UTC"))
    assert "峰值9（3月3日）" in described(draw("trends", given, zone="Asia/Shanghai", locale="zh"))


def test_the_time_before_is_dashed_and_what_is_not_over_is_dotted():
    plain = draw("trends", trends(series("A", "a", [1, 2, 3])))
    compared = draw("trends", trends(series("A", "a", [1, 2, 3], previous={"values": [3, 2, 1], "total": 6})))
    unfinished = draw("trends", trends(series("A", "a", [1, 2, 3]), incomplete_from=2))
    all_open = draw("trends", trends(series("A", "a", [1, 2, 3]), incomplete_from=0))

    assert [len(of_class(svg, "before")) for svg in (plain, compared, unfinished)] == [0, 1, 0]
    assert [len(of_class(svg, "open")) for svg in (plain, compared, unfinished, all_open)] == [0, 0, 1, 1]
    assert ("dashed: the time before" in words(compared), "dashed" in words(plain)) == (True, False)
    assert ("dotted: not over yet" in words(unfinished), "dotted" in words(plain)) == (True, False)
    # the dots begin where the line ends
    [line] = [each for each in of_class(unfinished, "line") if "open" not in each.get("class")]
    [dots] = of_class(unfinished, "open")
    assert line.get("d").rpartition("L")[2] == dots.get("d")[1:].partition("L")[0]


def test_a_moving_average_stands_over_thin_values():
    svg = draw("trends", trends(series("A", "a", [1, 9, 2, 8], moving_average=[None, 5, 5.5, 5])))

    assert len(of_class(svg, "thin")) == 1
    assert [each.get("class") for each in of_class(svg, "line")] == ["line s0 thin", "line s0"]


@pytest.mark.parametrize(
    ("values", "moves"),
    [
        ([1, 2, 3], 1),
        ([1, None, 3], 2),
        ([None, 2, 3], 1),
        ([1, 2, None], 1),
        ([None, None, None], 0),
        ([float("nan"), 2, 3], 1),
    ],
)
def test_a_gap_is_a_gap(values, moves):
    svg = draw("trends", trends(series("A", "a", values) | {"total": 6}))

    assert sum(each.get("d").count("M") for each in of_class(svg, "line")) == moves


def test_a_value_alone_is_a_dot():
    svg = draw("trends", trends(series("A", "a", [None, 5, None, 1])))

    circles = [each for each in parsed(svg).iter(f"{SVG}circle") if "dot" not in each.get("class")]
    assert len(circles) == 2


def test_one_interval_and_zeros_and_losses_have_a_place():
    for values in ([5], [0, 0, 0], [-5, 3, -2], [-1], [1e300, 1e-300], [0.001, 0.002], [10**15, 1]):
        svg = draw("trends", trends(series("A", "a", values)))
        assert "nan" not in svg
        assert "inf" not in svg.replace("sans-serif", "")


def test_breakdowns_are_named_by_their_values():
    parts = [series("A", "visited", [3, 4], breakdown=value) for value in ("google", "", "$other")]

    beside = Beside(query={"series": [{}, {}]})
    one = shown(draw("trends", trends(*parts), beside=beside))
    two = shown(draw("trends", trends(*parts, series("B", "paid", [1, 1], breakdown="google")), beside=beside))
    chinese = shown(draw("trends", trends(*parts), locale="zh", beside=beside))

    assert {"googletotal 7", "(none)total 7", "Othertotal 7"} <= set(one)
    assert any(each.startswith("visited ·") for each in two)
    assert {"（无）合计7", "其他合计7"} <= set(chinese)


def test_the_largest_series_are_drawn_and_the_rest_is_told_of():
    many = [series("A", "a", [number, number], breakdown=f"v{number}") for number in range(60)]

    svg = draw("trends", trends(*many))

    names = {each.get("class") for each in of_class(svg, "line")}
    assert len(of_class(svg, "line")) == 16
    assert len(names) == 8
    assert any("v59" in each for each in shown(svg))
    assert not any(each.startswith("v10") for each in shown(svg))
    assert "48 more are in the numbers." in described(svg)


def test_a_thousand_intervals_and_many_series_stay_bounded():
    many = [series("A", "a", list(range(1_000)), breakdown=f"v{number}") for number in range(100)]

    svg = draw("trends", trends(*many))

    assert len(svg) < 400_000
    assert len(of_class(svg, "soft")) < 60


def test_notes_stand_where_they_happened_with_their_words():
    svg = draw("trends", trends(), beside=Beside(notes=NOTES), zone="Asia/Shanghai")

    marks = of_class(svg, "mark")
    assert len(marks) == 3
    assert [float(each.get("x1")) for each in marks] == sorted(float(each.get("x1")) for each in marks)
    assert {"Campaign", "Release 2.4"} <= set(shown(svg))
    assert "Third" not in shown(svg), "there is no room for it"
    assert "Mar 8, 2026: Third" in words(svg), "a pointer is told"
    assert "Mar 7, 2026: Campaign." in described(svg)
    assert "Too early" not in words(svg)


def test_notes_are_bounded():
    notes = [Note(FIRST + timedelta(hours=number), "note " * 40) for number in range(500)]

    svg = draw("trends", trends(), beside=Beside(notes=notes))

    assert len(of_class(svg, "mark")) == 40
    assert len(svg) < 100_000


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (active_users(), ["Daily", "Weekly", "Monthly", "daily of monthly 16.1%"]),
        (sessions(), ["Sessions", "People", "average length 3 min", "bounce rate 41%"]),
    ],
)
def test_active_people_and_sessions_are_lines_with_their_rates(answer, wanted):
    kind = "sessions" if "sessions" in answer else "active-users"
    said = words(draw(kind, answer))

    assert [each for each in wanted if each not in said] == []


@pytest.mark.parametrize(("lengths", "rates"), [([None, 60.0, 120.0], [None, 0.5, 0.1])])
def test_rates_of_sessions_are_those_of_the_whole_time(lengths, rates):
    """0, 1 and 3 sessions: (60 + 3 · 120) / 4 = 105 seconds, and (0.5 + 3 · 0.1) / 4 = 20 %, of which the last day is not over."""
    answer = {"intervals": days(3), "sessions": [0, 1, 3], "people": [0, 1, 2], "incomplete_from": 2}
    none = {"average_seconds": [None] * 3, "bounce_rate": [None] * 3, "sessions": [0, 0, 0]}

    svg = draw("sessions", answer | {"average_seconds": lengths, "bounce_rate": rates})

    assert "average length 2 min · bounce rate 20%" in words(svg)
    assert "bounce" not in words(draw("sessions", answer | none))


@pytest.mark.parametrize(
    ("aggregate", "incomplete_from", "english", "chinese"),
    [
        # 10, 20 and, so far today, 3
        ("count", 2, "atotal 33", "a合计33"),
        (None, 2, "atotal 33", "a合计33"),
        ("sum", None, "atotal 33", "a合计33"),
        ("users", 2, "alast 20", "a最近20"),
        ("users", None, "alast 3", "a最近3"),
        ("avg", 2, "alast 20", "a最近20"),
        ("median", 1, "alast 10", "a最近10"),
        ("users", 0, "aso far 3", "a至今3"),
    ],
)
def test_at_the_end_of_a_line_stands_what_suits_its_measure(aggregate, incomplete_from, english, chinese):
    query = {"series": [{"event": "a"} | ({"aggregate": aggregate} if aggregate else {})]}
    answer = trends(series("A", "a", [10, 20, 3]), incomplete_from=incomplete_from)

    told = [shown(draw("trends", answer, locale=locale, beside=Beside(query=query))) for locale in ("en", "zh")]

    assert english in told[0]
    assert chinese in told[1]


def test_a_formula_and_a_gap_have_their_last_whole_value():
    query = {"series": [{"aggregate": "count"}, {"aggregate": "users"}], "formulas": ["B / A"]}
    answer = trends(
        series("A", "a", [4, 8, 2]),
        series("B", "b", [1, None, 9]),
        series("B / A", "B / A", [0.25, 0.5, 4.5]),
        incomplete_from=2,
    )

    assert {"atotal 14", "blast 1", "B / Alast 0.5"} <= set(shown(draw("trends", answer, beside=Beside(query=query))))


def test_sessions_add_up_and_their_people_do_not():
    answer = sessions() | {"incomplete_from": 13}
    said = shown(draw("sessions", answer))

    assert f"Sessionstotal {sum(answer['sessions']) / 1_000:.1f}K" in said
    assert f"Peoplelast {answer['people'][12]}" in said
