"""How pictures are painted, and how doors answer with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from structlog.testing import capture_logs

from opsloop_common.errors import Unavailable
from opsloop_metrics.canvas import painting
from opsloop_metrics.canvas.answers import PNG, SVG, TABLE, described, kept
from opsloop_metrics.canvas.scales import ticks

pytestmark = pytest.mark.quick


def asked(**headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": given})


def answer(content=b"<svg/>", numbers="a.csv", **headers):
    return kept(asked(**headers), content, SVG, numbers=numbers, seconds=7)


def test_a_file_may_be_kept_and_opens_nothing():
    found = answer()

    assert (found.status_code, found.body, found.media_type) == (200, b"<svg/>", SVG)
    assert found.headers["cache-control"] == "private, max-age=7"
    assert found.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["link"] == '<a.csv>; rel="alternate"; type="text/csv"'


@pytest.mark.parametrize(
    ("sent", "status"),
    [("{tag}", 304), ('"other", {tag}', 304), ('"other"', 200), ("", 200), ("*", 200)],
)
def test_whoever_has_it_is_told_so(sent, status):
    tag = answer().headers["etag"]

    found = answer(if_none_match=sent.format(tag=tag))

    assert (found.status_code, found.headers["etag"]) == (status, tag)
    assert found.body == (b"" if status == 304 else b"<svg/>")


def test_other_content_has_another_tag():
    assert answer(b"a").headers["etag"] != answer(b"b").headers["etag"]


@given(st.text(max_size=30))
def test_where_the_numbers_are_ends_where_it_is_said_to(numbers):
    link = answer(numbers=numbers).headers["link"]

    assert (link.count("<"), link.count(">"), link.count("\n"), link.count('"')) == (1, 1, 0, 4)


@pytest.mark.parametrize(("kind", "is_binary"), [(SVG, False), (PNG, True), (TABLE, False)])
def test_a_route_says_what_it_answers(kind, is_binary):
    told = described(kind)

    assert set(told) == {200, 304}
    [(found, content)] = told[200]["content"].items()
    assert (found, content["schema"].get("format") == "binary") == (kind, is_binary)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0.982, 0.994, [0.98, 0.985, 0.99, 0.995]),
        (98, 101, [98, 99, 100, 101]),
        (3, 3, [3, 3.5, 4]),
        (0, 10, [0, 2, 4, 6, 8, 10]),
    ],
)
def test_ticks_may_begin_where_the_values_do(low, high, wanted):
    assert ticks(low, high, from_zero=False, whole=low == 98) == wanted


@pytest.mark.parametrize(
    "svg", ["", "<svg", "no picture", "<svg xmlns='http://www.w3.org/2000/svg' width='0' height='0'/>"]
)
async def test_what_cannot_be_painted_is_said(svg):
    with pytest.raises(Unavailable):
        await painting.as_png(svg)


async def test_a_painter_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(painting, "_PROGRAM", "while True: pass")
    monkeypatch.setattr(painting, "_SECONDS", 0.3)

    with pytest.raises(Unavailable, match="too long"):
        await painting.as_png("<svg/>")


@pytest.mark.parametrize(("boxes", "title", "lines"), [(True, "趋势", 1), (True, "Trend", 0), (False, "趋势", 0)])
async def test_boxes_instead_of_chinese_are_logged_once(monkeypatch, boxes, title, lines):
    async def painted(svg):
        return b"box" if boxes else svg.encode()

    monkeypatch.setattr(painting, "_painted", painted)
    monkeypatch.setattr(painting, "_warned", set())
    with capture_logs() as logs:
        for _ in range(2):
            await painting.as_png(f"<svg>{title}</svg>")

    assert [each["event"] for each in logs] == ["no_chinese_font"] * lines
