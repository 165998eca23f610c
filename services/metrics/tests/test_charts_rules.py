"""What pictures of insights say and show, kind by kind."""

import re
from datetime import date, timedelta

import pytest

from opsloop_metrics.charts.rules import Beside, Note, draw, starts_of
from opsloop_metrics.insights.periods import Interval, WeekStart, frame_of
from services.metrics.tests.chart_answers import (
    ANSWERS,
    EMPTY,
    FIRST,
    NOTES,
    active_users,
    days,
    funnel,
    funnel_steps,
    lifecycle,
    paths,
    retention,
    series,
    sessions,
    stickiness,
    trends,
)
from services.metrics.tests.pictures import SVG, bars, described, of_class, parsed, shown, words

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


def test_a_lifecycle_stands_on_its_line_and_who_left_hangs_below():
    svg = draw("lifecycle", lifecycle())
    [axis] = of_class(svg, "axis")
    zero = float(axis.get("y1"))

    assert len(bars(svg)) == 80
    for each in bars(svg):
        top, bottom = float(each.get("y")), float(each.get("y")) + float(each.get("height"))
        is_below = "Dormant" in each.find(f"{SVG}title").text
        assert (top >= zero - 0.2) if is_below else (bottom <= zero + 0.2)
    assert {"New", "Returning", "Resurrecting", "Dormant"} <= set(shown(svg))


def test_what_is_not_over_is_pale_in_a_lifecycle():
    svg = draw("lifecycle", lifecycle() | {"incomplete_from": 19})

    assert len(of_class(svg, "pale")) == 4


def test_stickiness_has_a_bar_for_each_number_of_intervals():
    svg = draw("stickiness", stickiness())

    heights = [float(each.get("height")) for each in bars(svg)]
    assert (len(heights), heights) == (14, sorted(heights, reverse=True))
    assert "420 people in 1." in described(svg)
    assert "Active in so many of 14 intervals" in shown(svg)


def test_a_funnel_is_as_long_as_what_is_left():
    svg = draw("funnel", funnel())

    whole, *rest = (float(each.get("width")) for each in of_class(svg, "f0"))
    assert [round(each / whole, 3) for each in rest] == [0.38, 0.155, 0.042]
    assert {"1 visited", "10,000 · 100%", "3,800 · 38%", "6,200 left (62%) · median 31 min"} <= set(shown(svg))
    assert any("12 still may" in each for each in shown(svg))
    assert "order_paid: 420, 4.2% of the first step." in described(svg)


def test_a_funnel_in_chinese():
    svg = draw("funnel", funnel(), locale="zh-CN", title="注册到付费")

    assert {"注册到付费", "流失6,200（62%） · 中位用时31分钟"} <= set(shown(svg))
    assert "整体转化4.2%" in described(svg)


def test_a_divided_funnel_has_a_thin_bar_for_each_value():
    svg = draw("funnel", funnel(breakdown=True))

    assert {"google", "(none)", "Other", "1,900 · 38%"} <= set(shown(svg))
    assert [len(of_class(svg, f"f{colour}")) for colour in (1, 2)] == [4, 4]


def test_a_funnel_that_nobody_entered_has_no_length():
    steps = [
        step | {"count": 0, "from_first": None, "from_previous": None, "dropped": 0} for step in funnel_steps(1, 1)
    ]
    answer = EMPTY["funnel"] | {"steps": steps, "breakdown": [{"value": "a", "steps": steps}]}

    svg = draw("funnel", answer)

    assert {float(each.get("width")) for each in of_class(svg, "f0")} == {0.0}
    assert "–" in " ".join(shown(svg))


def test_an_event_without_a_name_is_any_event():
    answer = funnel()
    answer["steps"][0]["label"] = "*"

    assert "1 Any event" in shown(draw("funnel", answer))
    assert "1 任意事件" in shown(draw("funnel", answer, locale="zh"))


def test_retention_is_a_triangle_whose_colour_grows_with_who_came_back():
    svg = draw("retention", retention(), zone="Asia/Shanghai")

    cells = [each for each in of_class(svg, "f0") if each.get("fill-opacity")]
    assert len(cells) == 45 + 8, "nine rows and the average, without what it is not known of"
    first_row = [float(each.get("fill-opacity")) for each in cells[8:17]]
    assert first_row == sorted(first_row, reverse=True)
    assert len(of_class(svg, "unsure")) == 9
    assert {"Mar 2", "Mar 9", "Average", "400", "100%"} <= set(shown(svg))
    assert "Mar 2: 400 people; 100%, 42.3%" in described(svg)
    assert "outlined: not over yet" in words(svg)


@pytest.mark.parametrize(
    ("share", "css"), [(0.0, "ink"), (0.5, "ink"), (0.7, "middle"), (0.9, "on"), (1.0, "on"), (1.5, "on")]
)
def test_numbers_are_readable_on_their_cells(share, css):
    value = {"count": 1, "share": share, "has_begun": True, "is_complete": True}
    cohort = {"start": days(1)[0], "breakdown": None, "size": 2, "values": [value]}

    svg = draw("retention", {"cohorts": [cohort], "average": [None]})

    [cell] = [each for each in parsed(svg).iter(f"{SVG}text") if (each.text or "").endswith("%")]
    assert cell.get("class") == css
    [fill] = [float(each.get("fill-opacity")) for each in of_class(svg, "f0")]
    assert 0 < fill <= 1


def test_a_large_triangle_is_cut_and_a_divided_one_names_its_values():
    large = draw("retention", retention(weeks=80))
    divided = draw("retention", retention(weeks=2, breakdown="google"), zone="Asia/Shanghai")
    other = draw("retention", retention(weeks=2, breakdown="$other"), zone="Asia/Shanghai", locale="zh")

    assert len([each for each in of_class(large, "f0") if each.get("fill-opacity")]) <= 61 * 31
    assert len(large) < 700_000
    assert "Mar 2 · google" in shown(divided)
    assert "3月2日 · 其他" in shown(other)


def test_what_has_not_begun_is_blank_and_what_runs_is_outlined():
    """Two weeks, the second of which is running: of three columns the first has two and the second one, which nobody tells as 0 %."""
    answer = retention(weeks=2)
    nothing = {"count": 0, "share": 0.0, "has_begun": False, "is_complete": False}
    for row in answer["cohorts"]:
        row["values"] += [nothing] * (3 - len(row["values"]))
    answer["average"].append(None)

    svg = draw("retention", answer, zone="Asia/Shanghai")
    chinese = draw("retention", answer, zone="Asia/Shanghai", locale="zh")

    cells = [each for each in of_class(svg, "f0") if each.get("fill-opacity")]
    assert (len(cells), len(of_class(svg, "unsure"))) == (1 + 2 + 1, 2)
    assert "Mar 2: 400 people; 100%, 42.3% so far." in described(svg)
    assert "Mar 9: 467 people; 100% so far." in described(svg)
    assert "3月9日：467人；至今100%。" in described(chinese)
    assert "0%" not in shown(svg)


def test_a_cohort_of_nobody_has_no_shares():
    value = {"count": 0, "share": None, "has_begun": True, "is_complete": True}
    cohort = {"start": days(1)[0], "breakdown": None, "size": 0, "values": [value, value]}

    svg = draw("retention", {"cohorts": [cohort], "average": [None, None]})

    assert [each for each in of_class(svg, "f0") if each.get("fill-opacity")] == []
    assert "–" in described(svg)


def test_paths_are_columns_and_ribbons_as_wide_as_the_number_that_went():
    svg = draw("paths", paths())

    assert len(of_class(svg, "ribbon")) == 15
    assert {"Step 1", "Step 4", "/pricing520", "/welcome300"} <= set(shown(svg))
    assert described(svg).startswith("1,625 sessions, of which 325 left at once (20%). / to /pricing: 430. ")


@pytest.mark.parametrize("name", ["no step", "_x", "x_1", "1", "", "١_arabic", "99999999999999_x", "-1_x"])
def test_a_node_that_names_no_step_is_left_out(name):
    answer = paths()
    answer["nodes"].append({"name": name, "count": 5})
    answer["edges"].append({"source": name, "target": "2_/docs", "count": 5})

    parsed(draw("paths", answer))


def test_many_nodes_are_cut_to_the_largest():
    nodes = [{"name": f"{step}_{number}", "count": number + 1} for step in range(1, 21) for number in range(50)]
    edges = [
        {"source": f"{step}_{number}", "target": f"{step + 1}_{number}", "count": number + 1}
        for step in range(1, 20)
        for number in range(50)
    ]

    svg = draw("paths", paths() | {"nodes": nodes, "edges": edges})

    assert len(of_class(svg, "ribbon")) == 9 * 12
    assert sum(bool(re.fullmatch(r"Step \d+", each)) for each in shown(svg)) == 10


def test_one_step_without_ways_on_is_still_told():
    svg = draw("paths", {"sessions": 9, "single": 7, "nodes": [{"name": "1_/", "count": 7}], "edges": []})

    assert "/7" in shown(svg)
    assert "in all 7" in described(svg)


@pytest.mark.parametrize(
    ("locale", "wanted"),
    [
        ("en", "7 sessions, of which 7 left at once (100%). Everybody left after the first step."),
        ("zh", "7次会话，其中7次立即离去（100%）。 所有会话都止于第一步。"),
    ],
)
def test_where_all_left_at_once_that_is_said_and_no_lack_of_data(locale, wanted):
    svg = draw("paths", {"sessions": 7, "single": 7, "nodes": [], "edges": []}, locale=locale)

    assert described(svg) == wanted
    assert wanted.split(" ")[-1][:3] in " ".join(shown(svg))


def test_an_unknown_kind_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        draw("horoscope", {})


def test_intervals_are_read_with_their_offset():
    assert starts_of({"intervals": ["2026-03-01T00:00:00+08:00"]}) == [FIRST]


@pytest.mark.parametrize(
    ("answer", "first", "wanted"),
    [
        (lifecycle(), 0, "Mar 1 · Returning: 200"),
        (lifecycle(), 3, "Mar 1 · Dormant: -70"),
        (stickiness(), 0, "1: 420"),
        (stickiness(), 13, "14: 9"),
        (paths(), 0, "/ 1,000"),
    ],
)
def test_a_pointer_is_told_what_a_bar_stands_for(answer, first, wanted):
    kind = "lifecycle" if "new" in answer else "stickiness" if "people" in answer else "paths"
    svg = draw(kind, answer, zone="Asia/Shanghai")

    assert bars(svg)[first].find(f"{SVG}title").text == wanted


def test_hours_and_months_are_called_so():
    hours = trends(series("A", "a", [1, 2, 3])) | {
        "intervals": [f"2026-03-01T{hour:02}:00:00+00:00" for hour in (8, 9, 10)]
    }
    months = trends(series("A", "a", [1, 2, 3])) | {
        "intervals": [f"2026-{month:02}-01T00:00:00+00:00" for month in (3, 4, 5)]
    }

    assert {"Mar 1, 08:00", "Mar 1, 2026, 08:00 – Mar 1, 2026, 10:00"} <= set(shown(draw("trends", hours)))
    assert {"Mar 2026", "May 2026", "Mar 2026 – May 2026"} <= set(shown(draw("trends", months)))
    assert {"2026年3月", "2026年5月"} <= set(shown(draw("trends", months, locale="zh")))


def asked(start, end, interval="day", zone="Asia/Shanghai", now=FIRST + timedelta(days=90)):
    """Return what a question looks at."""
    frame = frame_of(
        workspace="", now=now, zone=zone, week_start=WeekStart.MONDAY, interval=Interval(interval), start=start, end=end
    )
    return Beside(frame)


@pytest.mark.parametrize(
    ("kind", "frame", "wanted"),
    [
        # 1 March 2026 is a Sunday: its week began on 23 February
        ("trends", asked(date(2026, 3, 1), date(2026, 3, 18), "week"), "Feb 23, 2026 – Mar 18, 2026"),
        ("lifecycle", asked(date(2026, 3, 2), date(2026, 3, 15), "month"), "Mar 1, 2026 – Mar 15, 2026"),
        ("retention", asked(date(2026, 3, 2), date(2026, 4, 30), "month"), "Mar 1, 2026 – Apr 30, 2026"),
        ("stickiness", asked(date(2026, 3, 1), date(2026, 3, 18), "week"), "Feb 23, 2026 – Mar 18, 2026"),
        ("sessions", asked(date(2026, 3, 2), date(2026, 3, 2)), "Mar 2, 2026"),
        ("sessions", asked(date(2026, 3, 2), date(2026, 3, 2), "hour"), "Mar 2, 2026, 00:00 – Mar 3, 2026, 00:00"),
        # without an end until now, which is 10 March
        ("active-users", asked(date(2026, 3, 2), None, "week", now=FIRST + timedelta(days=9, hours=5)), "Mar 10, 2026"),
        # these have no intervals, and begin when they were told to
        *(
            (kind, asked(date(2026, 3, 1), date(2026, 3, 18), "week"), "Mar 1, 2026 – Mar 18, 2026 · ")
            for kind in ("funnel", "paths", "attribution", "breakdown", "churn", "next-best")
        ),
    ],
)
def test_a_picture_says_the_days_to_the_last_that_was_asked_for(kind, frame, wanted):
    svg = draw(kind, ANSWERS[kind], beside=frame, zone="Asia/Shanghai")

    assert wanted in shown(svg)[1]
    assert wanted in described(svg)


def test_the_days_are_said_in_chinese_and_where_there_is_nothing():
    beside = asked(date(2026, 3, 1), date(2026, 3, 18), "week")

    said = [
        shown(draw("trends", each["trends"], beside=beside, locale="zh", zone="Asia/Shanghai"))[1]
        for each in (ANSWERS, EMPTY)
    ]

    assert said[0].startswith("2026年2月23日至2026年3月18日 · ")
    assert said[1] == "2026年2月23日至2026年3月18日 · 此时段没有数据"
