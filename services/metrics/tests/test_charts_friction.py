"""The picture of a friction list: who was at a page and who met trouble there, worst first."""

from __future__ import annotations

import pytest

from opsloop_metrics.charts.bars import MOST_PAGES
from opsloop_metrics.charts.rules import draw
from services.metrics.tests.chart_answers import friction
from services.metrics.tests.pictures import SVG, described, parsed, shown, words

pytestmark = pytest.mark.quick


def bars(svg):
    """Return (class, width) of the bars, the ground apart."""
    found = [each for each in parsed(svg).iter(f"{SVG}rect") if each.get("class") != "ground"]
    return [(each.get("class"), float(each.get("width"))) for each in found]


def of(pages):
    return {"people": 1_000, "friction": pages, "vitals": {"metrics": []}}


def drawn(*names, **more):
    return draw("experience", of(friction(*names)), **more)


def test_bars_are_shares_of_everybody_and_the_widest_fills_the_picture():
    """Of 1,000 people 800 were at the first page and 240 met trouble, 710 and 180 at the second: 824 px are 800 people."""
    assert bars(drawn("/a", "/b")) == [
        ("ghost", 824),
        ("f1", pytest.approx(824 * 240 / 800, abs=0.1)),
        ("ghost", pytest.approx(824 * 710 / 800, abs=0.1)),
        ("f1", pytest.approx(824 * 180 / 800, abs=0.1)),
    ]


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en", "/价格: 240 of 800 met trouble there, 24% of everybody."),
        ("zh-CN", "/价格：800人中240人遇到问题，占所有人的24%。"),
    ],
)
def test_each_page_is_told_with_its_numbers(locale, told):
    svg = drawn("/价格", locale=locale)

    assert told in described(svg)
    assert "240 / 800 · 30%" in words(svg)


def test_a_long_list_is_cut_and_the_numbers_tell_the_rest():
    pages = [page | {"page": f"/{place}"} for place, page in enumerate(friction("/x") * (MOST_PAGES + 5))]
    svg = draw("experience", of(pages))

    assert len(bars(svg)) == 2 * MOST_PAGES
    assert f"{MOST_PAGES} /{MOST_PAGES - 1}" in words(svg)
    assert "13 more are in the numbers." in described(svg)


def test_a_page_that_everybody_met_trouble_on_is_filled():
    page = friction("/a")[0] | {"people": 5, "troubled": 5, "share": 1.0, "reach": 0.005, "score": 0.005}
    svg = draw("experience", of([page]))

    assert bars(svg) == [("ghost", 824), ("f1", 824)]
    assert "5 / 5 · 100%" in words(svg)


def test_the_picture_is_as_high_as_its_list():
    heights = [float(parsed(drawn(*names)).get("height")) for names in (("/a",), ("/a", "/b"), ("/a", "/b", "/c"))]

    assert heights[1] - heights[0] == heights[2] - heights[1] == 66


def test_a_page_without_a_readable_name_is_drawn():
    assert len(shown(drawn("\u202e\x00"))) > 3
