"""What is good, what is trouble, how much of it there is: without a store."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_metrics.experiences.rules import (
    ALL,
    NOTHING,
    THRESHOLDS,
    AllErrors,
    Clicks,
    ClickTotal,
    Failed,
    FailedSessions,
    Measured,
    Metric,
    Rating,
    Result,
    Troubled,
    Vitals,
    as_table,
    errors,
    friction,
    per_1000,
    rating_of,
    share,
    vital,
    vitals,
)

pytestmark = pytest.mark.quick
GOOD, MIDDLE, POOR = Rating.GOOD, Rating.NEEDS_IMPROVEMENT, Rating.POOR


@pytest.mark.parametrize(
    ("metric", "value", "rating"),
    [
        (Metric.LCP, 0, GOOD),
        (Metric.LCP, 2_500, GOOD),
        (Metric.LCP, 2_500.1, MIDDLE),
        (Metric.LCP, 4_000, MIDDLE),
        (Metric.LCP, 4_000.1, POOR),
        (Metric.INP, 200, GOOD),
        (Metric.INP, 201, MIDDLE),
        (Metric.INP, 500, MIDDLE),
        (Metric.INP, 501, POOR),
        (Metric.CLS, 0.1, GOOD),
        (Metric.CLS, 0.11, MIDDLE),
        (Metric.CLS, 0.25, MIDDLE),
        (Metric.CLS, 0.26, POOR),
        (Metric.FCP, 1_800, GOOD),
        (Metric.FCP, 1_801, MIDDLE),
        (Metric.FCP, 3_000, MIDDLE),
        (Metric.FCP, 3_001, POOR),
        (Metric.TTFB, 800, GOOD),
        (Metric.TTFB, 801, MIDDLE),
        (Metric.TTFB, 1_800, MIDDLE),
        (Metric.TTFB, 1_801, POOR),
        (Metric.TTFB, None, None),
    ],
)
def test_ratings_go_by_the_published_thresholds(metric, value, rating):
    assert rating_of(metric, value) is rating


def test_every_metric_has_thresholds_in_order():
    assert list(THRESHOLDS) == list(Metric)
    assert all(good < poor for good, poor in THRESHOLDS.values())


@pytest.mark.parametrize(
    ("measured", "shares"),
    [
        (Measured(4, 100, 4, 0), (1.0, 0.0, 0.0)),
        (Measured(4, 100, 1, 1), (0.25, 0.5, 0.25)),
        (Measured(3, 9_000, 0, 3), (0.0, 0.0, 1.0)),
        (NOTHING, (None, None, None)),
    ],
)
def test_shares_of_ratings_add_up(measured, shares):
    found = vital(Metric.LCP, measured)

    assert (found.good, found.needs_improvement, found.poor) == shares
    assert found.samples == measured.samples


def test_intervals_and_pages_have_their_own_measurements():
    overall = [Measured(3, 900, 3, 0), *[NOTHING] * 4]
    one = [Measured(1, 5_000, 0, 1), Measured(2, 1, 2, 0), *[NOTHING] * 3]

    found = vitals(overall, {1: one}, [("/a", one)], intervals=3)

    assert [each.values for each in found.metrics[:3]] == [[None, 5_000, None], [None, 1, None], [None] * 3]
    assert [(page.page, page.samples, page.metrics[0].rating) for page in found.pages] == [("/a", 3, POOR)]
    assert found.pages[0].metrics[0].values == []


@pytest.mark.parametrize(
    ("failed", "sessions", "people_free", "sessions_free"),
    [
        (Failed("1.0", 5, 1, 4), FailedSessions(10, 2), 0.75, 0.8),
        (Failed("1.0", 0, 0, 4), FailedSessions(10, 0), 1.0, 1.0),
        (Failed("1.0", 9, 4, 4), FailedSessions(1, 1), 0.0, 0.0),
        # errors of nobody: there is no share of nobody
        (Failed("1.0", 9, 0, 0), FailedSessions(0, 0), None, None),
    ],
)
def test_free_of_errors_is_whoever_met_none(failed, sessions, people_free, sessions_free):
    found = errors(failed, sessions)

    assert (found.version, found.crash_free_people, found.crash_free_sessions) == ("1.0", people_free, sessions_free)


def test_all_versions_are_none():
    assert errors(Failed(ALL, 0, 0, 0), FailedSessions(0, 0)).version is None


def test_friction_is_share_times_reach():
    """Of 10 people 8 were at the page, and 2 of them met trouble: 2 / 8 * 8 / 10 = 2 / 10."""
    (found,) = friction([Troubled("/a", 8, 2, 1, 1, 0, 0)], 10)

    assert (found.share, found.reach, found.score) == (0.25, 0.8, 0.2)
    assert found.share * found.reach == pytest.approx(found.score)
    assert (found.rage, found.dead, found.errors, found.poor_vitals) == (1, 1, 0, 0)


def test_what_hurts_most_comes_first_and_what_hurts_nobody_not_at_all():
    found = friction(
        [
            Troubled("/few", 2, 2, 2, 0, 0, 0),
            Troubled("/b", 10, 2, 2, 0, 0, 0),
            Troubled("/many", 10, 3, 3, 0, 0, 0),
            Troubled("/calm", 10, 0, 0, 0, 0, 0),
            Troubled("/a", 10, 2, 2, 0, 0, 0),
        ],
        10,
    )

    assert [each.page for each in found] == ["/many", "/a", "/b", "/few"]


@pytest.mark.parametrize(("part", "whole", "found"), [(1, 4, 0.25), (0, 4, 0.0), (0, 0, None)])
def test_a_share_of_nothing_is_none(part, whole, found):
    assert share(part, whole) == found
    assert per_1000(part, whole) == (None if found is None else 1_000 * found)


def test_the_table_is_the_friction_list():
    nothing = ClickTotal(0, 0, None)
    result = Result(
        intervals=[datetime(2026, 3, 1, tzinfo=UTC)],
        incomplete_from=None,
        people=10,
        sessions=12,
        vitals=Vitals([], []),
        clicks=Clicks(nothing, nothing, [], []),
        errors=AllErrors(errors(Failed(ALL, 0, 0, 10), FailedSessions(12, 0)), [], []),
        friction=friction([Troubled("/价格", 8, 2, 1, 0, 1, 0)], 10),
    )

    names, rows = as_table(result)

    assert dict(zip(names, rows[0], strict=True)) == {
        "page": "/价格",
        "score": 0.2,
        "share": 0.25,
        "reach": 0.8,
        "people": 8,
        "troubled": 2,
        "rage": 1,
        "dead": 0,
        "errors": 1,
        "poor_vitals": 0,
    }


@pytest.mark.parametrize(
    ("troubled", "everybody", "expected"),
    [
        (Troubled("/a", 1, 3, 3, 2, 0, 1), 4, [(1, 1, 1, 1, 0, 1, 1.0, 0.25)]),
        (Troubled("/a", 5, 2, 2, 0, 0, 0), 4, [(4, 2, 2, 0, 0, 0, 0.5, 1.0)]),
        (Troubled("/a", 0, 3, 3, 0, 0, 0), 4, []),
        (Troubled("/a", 2, 2, 2, 0, 0, 0), 0, []),
    ],
)
def test_no_part_is_larger_than_its_whole(troubled, everybody, expected):
    """The numbers are of three moments, between which people were erased or came."""
    names = ("people", "troubled", "rage", "dead", "errors", "poor_vitals", "share", "reach")
    found = friction([troubled], everybody)
    assert [tuple(getattr(each, name) for name in names) for each in found] == expected
