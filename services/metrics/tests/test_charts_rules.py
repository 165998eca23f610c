"""What pictures of insights say and show, kind by kind."""

import re
from datetime import date, timedelta

import pytest

from opsloop_metrics.charts.rules import Beside, draw, starts_of
from opsloop_metrics.insights.periods import Interval, WeekStart, frame_of
from services.metrics.tests.chart_answers import (
    ANSWERS,
    EMPTY,
    FIRST,
    days,
    funnel,
    funnel_steps,
    lifecycle,
    paths,
    retention,
    series,
    stickiness,
    trends,
)
from services.metrics.tests.pictures import SVG, bars, described, of_class, parsed, shown, words

pytestmark = pytest.mark.quick


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


def test_who_may_still_come_has_not_left():
    """Of 40 people 14 went on and 26 still may: nobody left. Of 14 then 4 went on, 3 still may, and 7 left, a half."""
    steps = funnel_steps(40, 14, 4)
    steps[1] |= {"dropped": 0, "in_progress": 26}
    steps[2] |= {"dropped": 7, "in_progress": 3}

    texts = shown(draw("funnel", funnel() | {"steps": steps}))

    assert any(each.startswith("0 left (0%)") and "26 still may" in each for each in texts), texts
    assert any(each.startswith("7 left (50%)") and "3 still may" in each for each in texts), texts


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
