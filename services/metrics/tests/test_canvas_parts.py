"""The parts of pictures: scales, words, and how text becomes SVG."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.canvas.drawing import (
    DARK,
    INNER,
    LIGHT,
    Markup,
    clean,
    cut,
    document,
    element,
    joined,
    legend,
    line,
    rect,
    text,
    width_of,
)
from opsloop_metrics.canvas.scales import drawable, some, spread, ticks
from opsloop_metrics.canvas.words import _WORDS, Speech, language_of
from opsloop_metrics.charts import ranks

pytestmark = pytest.mark.quick
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e250, max_value=1e250)
ENGLISH, CHINESE = Speech("en", ZoneInfo("UTC")), Speech("zh", ZoneInfo("UTC"))
GROUNDS = {"light": ("#ffffff", LIGHT), "dark": ("#14181d", DARK)}


def luminance(colour):
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", sorted(GROUNDS))
def test_each_colour_stands_out_from_its_ground(scheme):
    ground, colours = GROUNDS[scheme]
    for colour in colours:
        one, other = sorted((luminance(ground), luminance(colour)))
        assert (other + 0.05) / (one + 0.05) >= 3, colour
    assert len(set(colours)) == len(colours) == 8


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 243, [0, 50, 100, 150, 200, 250]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 420, [0, 100, 200, 300, 400, 500]),
        (-110, 410, [-200, 0, 200, 400, 600]),
        (-5, -1, [-5, -4, -3, -2, -1, 0]),
        (3, 9, [0, 2, 4, 6, 8, 10]),
    ],
)
def test_ticks_are_round_and_reach_around_zero(low, high, wanted):
    assert ticks(low, high) == wanted


@given(NUMBERS, NUMBERS)
def test_ticks_reach_over_whatever_there_is(low, high):
    low, high = min(low, high), max(low, high)

    found = ticks(low, high)

    assert 2 <= len(found) <= 8
    assert found == sorted(set(found))
    reach = max(abs(low), abs(high), 1e-280)
    assert found[0] <= min(low, 0) + reach * 0.01
    assert found[-1] >= max(high, 0) - reach * 0.01


@pytest.mark.parametrize(
    ("high", "wanted"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (2, [0, 1, 2]),
        (5, [0, 1, 2, 3, 4, 5]),
        (7, [0, 2, 4, 6, 8]),
        (12, [0, 5, 10, 15]),
        (1_000, [0, 200, 400, 600, 800, 1_000]),
    ],
)
def test_what_is_counted_has_no_ticks_between_whole_numbers(high, wanted):
    assert ticks(0, high, whole=True) == wanted


@given(st.lists(st.floats(min_value=0, max_value=300, allow_nan=False), max_size=16))
def test_labels_keep_apart_in_the_order_of_what_they_name(wanted):
    placed = spread(wanted, gap=16, low=0, high=300)

    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    along = [placed[place] for place in order]
    assert all(after - before >= 16 - 1e-6 for before, after in pairwise(along))
    assert all(each <= 300 + 1e-6 for each in along)


def test_a_label_that_has_room_stays_where_it_is():
    assert spread([10, 100, 200], gap=16, low=0, high=300) == [10, 100, 200]


@pytest.mark.parametrize(
    ("count", "most", "wanted"),
    [
        (0, 5, []),
        (1, 5, [0]),
        (5, 5, [0, 1, 2, 3, 4]),
        (6, 5, [0, 2, 4]),
        (30, 8, [0, 4, 8, 12, 16, 20, 24, 28]),
        (3, 0, [0]),
    ],
)
def test_some_of_many_are_evenly_apart(count, most, wanted):
    assert some(count, most) == wanted


def test_what_has_no_place_is_not_drawn():
    assert drawable([1, None, float("nan"), float("inf"), -2.5]) == [1, None, None, None, -2.5]


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("plain", "plain"),
        ("  two   words ", "two words"),
        ("a\nb\r\nc\td\u2028e", "a b c d e"),
        ("a\x00b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\ufffe", "\ufffd"),
        ("a\u202eb\u2066c", "abc"),
        ("中文🙂", "中文🙂"),
    ],
)
def test_a_text_becomes_one_line_that_xml_may_hold(said, wanted):
    assert clean(said) == wanted


def test_only_markup_is_left_as_it_is():
    assert element("text", "<b>", Markup("<tspan/>"), x=1, class_='a"b') == (
        '<text x="1" class="a&quot;b">&lt;b&gt;<tspan/></text>'
    )
    assert element("rect", x=1.25, y=2.0, rx=None, stroke_width=3) == '<rect x="1.2" y="2" stroke-width="3"/>'
    assert joined(["<", Markup("<g/>"), "&"]) == "&lt;<g/>&amp;"
    assert isinstance(joined([]), Markup)


def test_a_rectangle_is_never_narrower_than_nothing_and_tells_its_tip():
    assert rect(0, 0, -5, -1, "f0") == '<rect x="0" y="0" width="0" height="0" class="f0"/>'
    assert "<title>a &lt; b</title>" in rect(0, 0, 1, 1, "f0", tip="a < b")
    assert (
        text(1, 2, "<x>", anchor="end")
        == '<text x="1" y="2" class="ink" font-size="12" text-anchor="end">&lt;x&gt;</text>'
    )


@given(st.text(max_size=300), st.floats(min_value=20, max_value=400))
def test_a_text_that_is_cut_has_room(said, room):
    found = cut(said, room)

    assert width_of(found) <= room + 0.01
    assert found == clean(said) or found.endswith("…")


@pytest.mark.parametrize("said", ["a" * 10_000, "长" * 10_000, "\u0301" * 10_000, "W" * 1_001])
def test_of_a_long_text_only_its_begin_is_read(said):
    found = cut(said, 200)

    assert len(found) <= 1_001
    assert found.endswith("…")


def test_wide_letters_take_more_room():
    assert width_of("中文") == 24
    assert width_of("ab") < width_of("AB") < width_of("中文")
    assert width_of("e\u0301") == width_of("e")


def test_a_legend_ends_where_the_picture_does():
    few = legend([("f0", "one"), ("f1", "two")], 90)
    many = legend([("f0", "a long name of something")] * 50, 90)

    assert few.count("<rect") == 2
    assert 1 < many.count("<rect") < 8


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("ZH-Hant-TW", "zh"),
        ("en", "en"),
        ("en-GB", "en"),
        ("de", "en"),
        ("zha", "en"),
        ("", "en"),
    ],
)
def test_there_are_two_languages(locale, language):
    assert language_of(locale) == language


def test_each_word_stands_in_both_with_the_same_places():
    for word, (english, chinese) in _WORDS.items():
        places = [sorted(part.partition("}")[0] for part in said.split("{")[1:]) for said in (english, chinese)]
        assert english, word
        assert chinese, word
        assert places[0] == places[1], word


def test_names_with_braces_are_left_alone():
    assert ENGLISH.say("series_total", name="{name} {0}", total="3") == "{name} {0}: in all 3."


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (0, "0", "0"),
        (1_234, "1,234", "1,234"),
        (12_345, "12.3K", "1.2万"),
        (1_200_000, "1.2M", "120万"),
        (-20_000, "-20K", "-2万"),
        (0.25, "0.25", "0.25"),
    ],
)
def test_axes_are_short(value, english, chinese):
    assert (ENGLISH.short(value), CHINESE.short(value)) == (english, chinese)


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [(None, "–", "–"), (0, "0 sec", "0秒"), (185, "3 min", "3分钟"), (180_000, "2 days", "2天")],
)
def test_lengths_of_time_are_words(seconds, english, chinese):
    assert (ENGLISH.time(seconds), CHINESE.time(seconds)) == (english, chinese)


@pytest.mark.parametrize(("share", "wanted"), [(None, "–"), (0, "0%"), (1, "100%"), (0.4234, "42.3%"), (0.28, "28%")])
def test_shares_are_percent(share, wanted):
    assert ENGLISH.share(share) == CHINESE.share(share) == wanted


@pytest.mark.parametrize(
    ("gap", "english", "chinese"),
    [
        (timedelta(hours=1), ["Dec 31, 22:00", "Dec 31, 23:00"], ["12月31日 22:00", "12月31日 23:00"]),
        (
            timedelta(hours=12),
            ["Dec 31, 2026, 22:00", "Jan 1, 2027, 10:00"],
            ["2026年12月31日 22:00", "2027年1月1日 10:00"],
        ),
        (timedelta(days=7), ["Dec 31, 2026", "Jan 7, 2027"], ["2026年12月31日", "2027年1月7日"]),
        (timedelta(days=30), ["Dec 2026", "Jan 2027"], ["2026年12月", "2027年1月"]),
    ],
)
def test_intervals_are_called_by_how_long_they_are(gap, english, chinese):
    first = datetime(2026, 12, 31, 22, tzinfo=UTC)
    starts = [first, first + gap]

    assert (ENGLISH.days(starts), CHINESE.days(starts)) == (english, chinese)


def test_days_of_one_year_need_no_year():
    first = datetime(2026, 3, 1, tzinfo=UTC)

    assert ENGLISH.days([first, first + timedelta(days=1)]) == ["Mar 1", "Mar 2"]
    assert CHINESE.days([first]) == ["3月1日"]


def test_a_range_names_its_years_and_one_interval_itself():
    first = datetime(2026, 3, 1, tzinfo=UTC)

    assert ENGLISH.range([first, first + timedelta(days=1)]) == "Mar 1, 2026 – Mar 2, 2026"
    assert CHINESE.range([first, first + timedelta(days=1)]) == "2026年3月1日至2026年3月2日"
    assert ENGLISH.range([first]) == "Mar 1, 2026"
    assert ENGLISH.at(first) == "Mar 1, 2026"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (None, "–"),
        (0, "0"),
        (1_000_000, "1,000,000"),
        (0.333333333, "0.333333"),
        (-12.5, "-12.5"),
        (1e300, "1E300"),
        (-1_234.5, "-1,234.5"),
        (0.1 + 0.2, "0.3"),
    ],
)
def test_numbers_are_told_in_full(value, wanted):
    assert ENGLISH.number(value) == CHINESE.number(value) == wanted


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", "Mar 7, 2026"),
        ("Asia/Shanghai", "Mar 8, 2026"),
        ("America/Los_Angeles", "Mar 7, 2026"),
        ("Pacific/Kiritimati", "Mar 8, 2026"),
    ],
)
def test_a_moment_is_a_day_of_the_zone(zone, day):
    assert Speech("en", ZoneInfo(zone)).at(datetime(2026, 3, 7, 20, tzinfo=UTC)) == day


def test_days_on_which_clocks_change_are_days():
    zone = ZoneInfo("America/Los_Angeles")
    starts = [datetime(2026, 3, day, tzinfo=zone) for day in (7, 8, 9)]

    assert Speech("en", zone).days(starts) == ["Mar 7", "Mar 8", "Mar 9"]


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (3, 3), (80, ranks.MOST_ROWS)])
def test_ranked_things_have_a_bar_for_each_share_as_far_as_there_is_room(count, shown):
    rows = [ranks.Ranked(f"thing {place}", "said", [0.5, None, 2.0]) for place in range(count)]

    body, height = ranks.draw(rows, ["one", "two", "three"])

    root = ElementTree.fromstring(f"<svg>{body}</svg>")  # noqa: S314 we wrote it
    widths = [float(each.get("width")) for each in root.iter("rect")][3:]
    assert widths == [INNER, INNER / 2, 0.0, INNER] * shown
    assert height == pytest.approx(122 + 44 * shown)


@given(st.lists(st.floats(min_value=-500, max_value=1_500), max_size=20))
def test_labels_are_placed_apart_and_nothing_else_changes(wanted):
    placed = spread(wanted, gap=10, low=0, high=1_000)

    order = sorted(range(len(wanted)), key=lambda place: wanted[place])
    assert all(placed[after] - placed[before] >= 10 - 1e-6 for before, after in pairwise(order))
    assert all(-1e-6 <= each <= 1_000 + 1e-6 for each in placed)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("said", ["访问", "a & b", "<script>alert(1)</script>", "]]>", "\x00\u202etxt", "x" * 10_000])
def test_a_document_tells_those_who_hear_it_what_those_see_who_look(said, language):
    svg = document(
        text(0, 0, cut(said, 300)), title=said, description=said, subtitle=said, height=200, language=language
    )

    picture = ElementTree.fromstring(svg)  # noqa: S314 we wrote it
    named = {child.get("id"): child.text for child in picture if child.get("id")}
    assert named.keys() == {"title", "desc"}
    assert picture.get("lang") == language
    assert clean(said)[:100].strip() in (named["title"] or "")
    assert named["desc"] == clean(said)
    assert not any(child.tag.endswith("script") for child in picture.iter())


@pytest.mark.parametrize("said", ["<b>", '"', "'", "&amp;", "值"])
def test_attributes_are_encoded_as_text_is(said):
    drawn = ElementTree.fromstring(element("g", said, class_=said, stroke_width=1.0, rx=None))  # noqa: S314 we wrote it

    assert drawn.attrib == {"class": said, "stroke-width": "1"}
    assert drawn.text == said


def test_a_line_goes_from_one_end_to_the_other():
    drawn = ElementTree.fromstring(line(1, 2.04, 3.06, 4, "rule"))  # noqa: S314 we wrote it

    assert drawn.attrib == {"x1": "1", "y1": "2", "x2": "3.1", "y2": "4", "class": "rule"}


@pytest.mark.parametrize(
    ("start", "end", "by_hour", "english", "chinese"),
    [
        ((3, 1), (3, 19), False, "Mar 1, 2026 – Mar 18, 2026", "2026年3月1日至2026年3月18日"),
        ((3, 1), (3, 2), False, "Mar 1, 2026", "2026年3月1日"),
        ((3, 1), (3, 1, 9), True, "Mar 1, 2026, 00:00 – Mar 1, 2026, 09:00", "2026年3月1日 00:00至2026年3月1日 09:00"),
    ],
)
def test_days_are_told_to_the_last_one(start, end, by_hour, english, chinese):
    given = [datetime(2026, *each, tzinfo=UTC) for each in (start, end)]

    assert [speech.span(*given, by_hour=by_hour) for speech in (ENGLISH, CHINESE)] == [english, chinese]
