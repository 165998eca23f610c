"""Pictures of values in their rank: attribution and tables of values."""

import pytest

from opsloop_metrics.charts.rules import draw
from services.metrics.tests.chart_answers import attribution, breakdown
from services.metrics.tests.pictures import bars, described, shown

pytestmark = pytest.mark.quick


def test_values_in_their_rank_are_bars_as_long_as_their_numbers():
    """60.25 of the longest, 91.5, are 65.85 %; 91.5 of 200 conversions are 45.75 %."""
    svg = draw("attribution", attribution())

    widths = [float(bar.get("width")) for bar in bars(svg)]
    assert [round(width / widths[0], 3) for width in widths] == [1, 0.658, 0.44, 0.087]
    assert "google: 91.5 · 45.8%." in described(svg)
    assert shown(svg)[2:4] == ["google", "91.5 · 45.8%"]


def test_a_table_of_values_ends_with_the_others_or_where_there_is_no_more_room():
    few, many = draw("breakdown", breakdown(2)), draw("breakdown", breakdown(300))

    assert "/docs/0 · google: 400 · 40%. /docs/1 · (none): 399 · 39.9%. Other: 90 · 9%." in described(few)
    assert (len(bars(few)), len(bars(many))) == (3, 50)
    assert "289 more are in the numbers." in described(many)


def test_credit_of_nothing_has_bars_without_length():
    nothing = attribution()
    nothing["total"]["conversions"] = 0
    for row in nothing["rows"]:
        row["linear"] = {"conversions": 0, "revenue": None}

    svg = draw("attribution", nothing)

    assert {bar.get("width") for bar in bars(svg)} == {"0"}
    assert "google: 0 · –." in described(svg)
