"""What revenue is made of, worked by hand."""

from copy import deepcopy
from datetime import UTC, datetime

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.charts.rules import draw
from opsloop_metrics.insights.periods import EventFilter, Interval
from opsloop_metrics.revenues.rules import (
    MOST_COHORTS,
    WHOLE,
    Asked,
    Counted,
    KFactor,
    Revenue,
    Sales,
    as_table,
    cohorts_of,
    currency_of,
    ratio,
    require_cohorts,
    require_pair,
    sales_of,
)
from services.metrics.tests.chart_answers import ANSWERS

pytestmark = pytest.mark.quick
EDGES = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("asked", "known", "counted"),
    [
        (None, [], None),
        (None, ["CNY"], "CNY"),
        ("USD", [], "USD"),
        ("USD", ["CNY"], "USD"),
        ("CNY", ["CNY", "USD"], "CNY"),
    ],
)
def test_the_currency_is_named_or_the_only_one(asked, known, counted):
    assert currency_of(asked, known) == counted


def test_of_several_currencies_one_has_to_be_named():
    with pytest.raises(Invalid) as refused:
        currency_of(None, ["CNY", "USD"])

    assert [(error.pointer, error.detail) for error in refused.value.errors] == [
        ("/currency", "has to be named: there are orders in CNY, USD, and currencies are not added up")
    ]


@pytest.mark.parametrize(("given", "missing"), [("invite", "/joined"), ("joined", "/invite")])
def test_invitations_have_two_sides(given, missing):
    require_pair(Asked())
    require_pair(Asked(invite=EventFilter("a"), joined=EventFilter("b")))

    with pytest.raises(Invalid) as refused:
        require_pair(Asked(**{given: EventFilter("a")}))

    assert [error.pointer for error in refused.value.errors] == [missing]


def test_a_triangle_is_bounded():
    require_cohorts(MOST_COHORTS)
    with pytest.raises(Invalid):
        require_cohorts(MOST_COHORTS + 1)


def test_a_ratio_of_nothing_is_none():
    assert (ratio(1, 0), ratio(0, 4), ratio(1, 4)) == (None, 0, 0.25)


def test_numbers_of_an_interval():
    """Net 3000 − 500 = 2500; per order 3000 / 4, per active person 2500 / 10, per buyer 2500 / 2; 3 sign-ups of 12 downloads."""
    sales = Sales(gross=3000, refunds=500, orders=4, buyers=2, new_buyers=1, active=10, downloads=12, signups=3)

    assert (sales.net, sales.average_order, sales.arpu, sales.arppu) == (2500, 750, 250, 1250)
    assert sales.download_conversion == 0.25


def test_numbers_of_nothing():
    sales = Sales(refunds=500)

    assert (sales.net, sales.average_order, sales.arpu, sales.arppu, sales.download_conversion) == (
        -500, None, None, None, None,
    )  # fmt: skip


def test_intervals_and_the_whole():
    sold = [(0, 2, 300, 2, 2), (2, 1, 50, 1, 0), (None, 3, 350, 2, 2)]
    active = Counted({}, {0: 5, 2: 4, WHOLE: 7})

    each, totals = sales_of(3, sold, [(1, 30), (2, 20)], active)

    assert [(one.gross, one.refunds, one.orders, one.buyers, one.new_buyers, one.active) for one in each] == [
        (300, 0, 2, 2, 2, 5),
        (0, 30, 0, 0, 0, 0),
        (50, 20, 1, 1, 0, 4),
    ]
    assert (totals.gross, totals.refunds, totals.net, totals.buyers, totals.active) == (350, 50, 300, 2, 7)
    assert (totals.downloads, totals.signups) == (None, None)


@pytest.mark.parametrize("downloads", [None, {}])
def test_without_downloads_nothing_is_said_of_them(downloads):
    each, totals = sales_of(1, [], [], Counted(), downloads=downloads, signups=Counted({}, {0: 1, WHOLE: 1}))

    assert (each[0].downloads, each[0].signups, totals.download_conversion) == (None, None, None)


def test_downloads_by_interval():
    each, totals = sales_of(2, [], [], Counted(), downloads={1: 8}, signups=Counted({}, {1: 2, WHOLE: 2}))

    assert [(one.downloads, one.signups, one.download_conversion) for one in each] == [(0, 0, None), (8, 2, 0.25)]
    assert (totals.downloads, totals.signups, totals.download_conversion) == (8, 2, 0.25)


def test_cohorts_add_up_over_time():
    """Two of January bring 300, nothing, then −100: 150, 150 and 100 a head. One of March brings 70, and March is not over."""
    lived = [(0, 0, 300, 2), (0, 2, -100, 0), (2, 2, 70, 1)]

    january, march = cohorts_of(EDGES, datetime(2026, 3, 15, tzinfo=UTC), lived)

    assert (january.start, january.size) == (EDGES[0], 2)
    assert [(value.net, value.net_per_buyer, value.is_complete) for value in january.values] == [
        (300, 150, True),
        (300, 150, True),
        (200, 100, False),
    ]
    assert (march.start, march.size) == (EDGES[2], 1)
    assert [(value.net, value.is_complete) for value in march.values] == [(70, False)]


def test_a_column_that_ends_right_now_is_complete():
    [cohort] = cohorts_of(EDGES, EDGES[1], [(0, 0, 5, 1)])

    assert [value.is_complete for value in cohort.values] == [True, False, False]


def test_k_is_invitations_a_person_times_joined_an_invitation():
    """20 invitations by 5 of 40 people, 8 joined: i = 20/5 = 4, c = 8/20 = 0.4, k = 20/40 × 0.4 = 0.2."""
    found = KFactor(40, inviters=5, invitations=20, joined=8)

    assert (found.invitations_per_inviter, found.invitations_per_active, found.conversion) == (4, 0.5, 0.4)
    assert found.k == found.invitations_per_active * found.conversion == 0.2


def test_k_of_nobody():
    found = KFactor(0, inviters=0, invitations=0, joined=0)

    assert (found.invitations_per_inviter, found.invitations_per_active, found.conversion, found.k) == (None,) * 4


def an_answer(each, totals):
    return Revenue("CNY", 2, EDGES[: len(each)], each, totals, Interval.MONTH, [], None, None)


def test_a_table_has_what_there_is():
    sales = Sales(gross=300, refunds=100, orders=2, buyers=1, new_buyers=1, active=4)

    names, rows = as_table(an_answer([sales], sales))

    assert names == [
        "interval", "currency", "gross", "refunds", "net", "orders", "buyers", "new_buyers", "active", "average_order",
        "arpu", "arppu",
    ]  # fmt: skip
    assert rows == [["2026-01-01T00:00:00Z", "CNY", 300, 100, 200, 2, 1, 1, 4, 150, 50, 200]]


@pytest.mark.parametrize(
    ("sales", "more"),
    [
        (Sales(downloads=4), ["downloads"]),
        (Sales(downloads=4, signups=1), ["downloads", "signups", "download_conversion"]),
    ],
)
def test_a_table_has_downloads_where_there_are(sales, more):
    names, _ = as_table(an_answer([sales], sales))

    assert names[12:] == more


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en", ["Revenue", "Net CNY", "Refunds CNY", "321 buyers", "48.02 CNY per buyer"]),
        ("zh-CN", ["收入", "净收入 CNY", "退款 CNY", "321位付费用户", "人均付费48.02 CNY"]),
    ],
)
def test_the_picture_speaks_in_major_units(locale, said):
    """The totals are minor units: 1,541,… fen over 321 buyers are told as yuan, with two digits."""
    answer = deepcopy(ANSWERS["revenue"])
    answer["totals"] |= {"net": 1_541_442, "arppu": 1_541_442 / 321}

    svg = draw("revenue", answer, locale=locale)

    assert [word for word in said if word not in svg] == []
    assert "15,414.42" in svg


def test_a_picture_of_a_currency_without_digits():
    answer = ANSWERS["revenue"] | {"currency": "JPY", "currency_digits": 0}

    assert f"{answer['totals']['net']:,}" in draw("revenue", answer)
