"""The labelled simulation, the scorer that `make bench` prints, and how well our rules do on a smaller one."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from bench import nab
from bench.anomalies import (
    BY_HAND,
    LEAST_PRECISION,
    LEAST_RECALL,
    Found,
    alarms,
    best,
    compare,
    ours,
    seasonal_naive,
    week_over_week,
    z_score,
)
from bench.nab import Corpus
from bench.simulation import DAILY, HOURLY, Series, simulate
from opsloop_metrics.anomalies.rules import Options

FEW = {"day": replace(DAILY, series=80), "hour": replace(HOURLY, series=12)}
WEEK = replace(DAILY, series=1, length=100, quiet_until=10)


@pytest.mark.parametrize(("interval", "seed"), [("day", 11), ("day", 12), ("hour", 11)])
def test_most_alarms_are_right_and_most_anomalies_found(interval, seed):
    world = FEW[interval]
    series = simulate(world, seed)

    found = compare(series, [ours(each, world) for each in series], world)

    assert found.precision >= LEAST_PRECISION
    assert found.recall >= LEAST_RECALL
    assert found.false_a_month < 0.1


def test_it_does_better_than_each_way_by_hand_at_its_best_threshold():
    world = FEW["day"]
    series = simulate(world, 11)
    found = compare(series, [ours(each, world) for each in series], world)

    assert all(best(*way, series, world).f1 < found.f1 - 0.1 for way in BY_HAND.values())


def test_the_more_sensitive_the_more_is_found_and_the_more_is_false():
    world = FEW["day"]
    series = simulate(world, 11)

    low, medium, high = (
        compare(series, [ours(each, world, Options(sensitivity=sensitivity)) for each in series], world)
        for sensitivity in ("low", "medium", "high")
    )

    assert low.recall < medium.recall < high.recall
    assert low.precision > medium.precision > high.precision


@pytest.mark.parametrize("world", FEW.values(), ids=FEW)
def test_a_simulation_is_the_same_for_everybody_and_labelled(world):
    series, again, other = simulate(world, 5), simulate(world, 5), simulate(world, 6)

    assert all(np.array_equal(one.values, two.values) for one, two in zip(series, again, strict=True))
    assert not all(np.array_equal(one.values, two.values) for one, two in zip(series, other, strict=True))
    for each in series:
        assert each.values.shape == (world.length,)
        assert (each.values >= 0).all()
        assert len(each.shifts) <= 1
        assert all(world.quiet_until <= first <= last < world.length for first, last in each.windows)
        assert all(last - first < world.longest for first, last in each.windows)
        after = [first for first, _ in each.windows[1:]]
        assert all(first - last > 6 * world.a_day for first, (_, last) in zip(after, each.windows, strict=False))
    assert sum(len(each.windows) for each in series) > 0


# The scorer


@pytest.mark.parametrize(
    ("told", "found", "false"),
    [
        pytest.param([], 0, 0, id="nothing"),
        pytest.param([30], 1, 0, id="its first day"),
        pytest.param([32], 1, 0, id="its last"),
        pytest.param([30, 31, 32], 1, 0, id="twice is neither right nor wrong"),
        pytest.param([29, 33], 0, 2, id="a day early, a day late"),
        pytest.param([5], 0, 0, id="before anything counts"),
        pytest.param([60, 62], 0, 0, id="a shift did happen"),
        pytest.param([60, 63], 0, 1, id="and is known on the fourth day"),
        pytest.param([30, 50, 90], 2, 1, id="both, and one too many"),
    ],
)
def test_what_counts_as_found_and_as_false(told, found, false):
    series = Series(np.zeros(100), windows=[(30, 32), (50, 50)], shifts=[60])

    assert compare([series], [told], WEEK) == Found(found, 2, false, months=3.0)


def test_precision_recall_and_false_alarms_by_hand():
    """8 of 10 windows, 2 false in 40 months: 8/10, 8/10, 2 · 8 / (8 + 2 + 10), 2/40."""
    found = Found(found=8, windows=10, false=2, months=40)

    assert (found.precision, found.recall, found.f1, found.false_a_month) == (0.8, 0.8, 0.8, 0.05)
    assert str(found) == "F1 0.80, P 0.80, R 0.80, 0.05 false a series-month"
    assert (Found(0, 0, 0, 1).precision, Found(0, 0, 0, 1).recall, Found(0, 0, 0, 1).f1) == (0, 0, 0)


@pytest.mark.parametrize(
    ("outside", "told"),
    [([], []), ([0], [0]), ([0, 7], [0]), ([0, 8], [0, 8]), ([3, 4, 5, 12, 20], [3, 20])],
)
def test_after_an_alarm_there_is_quiet_for_everybody(outside, told):
    assert alarms(np.isin(np.arange(30), outside), 7) == told


def test_the_ways_by_hand_by_hand():
    values = np.array([100.0, 110.0] * 14 + [120.0] + [100.0] * 20)

    # 28 days of 100 and 110: mean 105, deviation 5
    assert z_score(values, WEEK)[28] == pytest.approx(3)
    assert np.isnan(z_score(values, WEEK)[27])
    # the 22nd day had 110
    assert week_over_week(values, WEEK)[28] == pytest.approx(10 / 110)
    # six same weekdays before the 43rd day: 100, 110, 100, 110, 120, 100; median 105, distances 5, 5, 5, 5, 15, 5
    assert seasonal_naive(values, WEEK)[42] == pytest.approx(-1)
    # it has two of them before the 15th day, and before the 8th none
    assert seasonal_naive(values, WEEK)[14] == pytest.approx((100 - 105) / 5)
    assert np.isnan(seasonal_naive(values, WEEK)[:7]).all()


# Numenta's benchmark


@pytest.mark.parametrize(
    ("place", "worth"),
    [
        (-1, 0.98661),  # the first row of a window
        (-0.5, 0.84828),
        (0, 0.0),
        (1, -0.98661),
        (3.1, -1.0),
        (math.inf, -1.0),
    ],
)
def test_what_a_row_is_worth_by_its_place(place, worth):
    assert nab.sigmoid(place) == pytest.approx(worth, abs=1e-5)


@pytest.mark.parametrize(
    ("told", "raw"),
    [
        pytest.param([], -1, id="missed"),
        pytest.param([40], 1, id="at the first row"),
        pytest.param([45], 0.84828 / 0.98661, id="half of its ten rows are over"),
        pytest.param([45, 40], 1, id="the earliest counts"),
        pytest.param([40, 30], 1 - 0.11, id="and a false one before any window"),
        pytest.param([40, 58], 1 - 0.11 * 0.98661, id="nine rows behind: as far as it is long"),
        pytest.param([40, 99], 1 - 0.11, id="far behind"),
    ],
)
def test_the_raw_score_of_a_file(told, raw):
    assert nab.score(Corpus(100, [(40, 49)], []), told) == pytest.approx(raw, abs=1e-4)


def test_rows_on_probation_do_not_count():
    """15 % of 100 rows, never more than 750."""
    corpus = Corpus(100, [(5, 10), (12, 16), (60, 69)], [(14, 9.0), (15 + 30, 9.0)])

    assert (corpus.probation, Corpus(10_000, [], []).probation) == (15, 750)
    assert corpus.counted == [(12, 16), (60, 69)]
    assert corpus.alarms(5.0) == []  # the second is quiet, being the next hour
    assert Corpus(100, [], [(45, 9.0)]).alarms(5.0) == [45]
    assert Corpus(100, [], [(45, 9.0)]).alarms(9.0) == []


def test_the_threshold_is_the_best_for_all_files_together():
    """From 7 to 12 one window of two is found, (1 - 1 + 2) / 4; at 6 both are; below, a false alarm comes with them."""
    one = Corpus(1000, [(500, 509)], [(500, 12.0)])
    two = Corpus(1000, [(500, 509)], [(200, 6.0), *((row, 0.0) for row in range(201, 240)), (500, 7.0)])

    assert nab.best([one, two]) == nab.Result(100.0, found=2, windows=2, false=0, threshold=6.0)
    assert nab.best([one]).score == 100.0
    assert str(nab.best([one, replace(two, scores=[(200, 7.0)])])) == "50.0 (P 1.00, R 0.50, F1 0.67 at 7)"


def test_files_are_read_by_hours_and_told_with_their_last_row(tmp_path):
    """Five weeks at 20 minutes; one hour is six times as much, which is known when its third row is."""
    rows = [(day, hour, minute) for day in range(35) for hour in range(24) for minute in (0, 20, 40)]
    odd = 30 * 72 + 12 * 3
    lines = [
        f"2026-{1 + day // 31:02}-{1 + day % 31:02} {hour:02}:{minute:02}:00,{600 if odd <= place < odd + 3 else 100}"
        for place, (day, hour, minute) in enumerate(rows)
    ]
    (tmp_path / "data" / "real").mkdir(parents=True)
    (tmp_path / "labels").mkdir()
    (tmp_path / "data" / "real" / "one.csv").write_text("\n".join(["timestamp,value", *lines]) + "\n")
    window = [lines[odd].split(",")[0] + ".000000", lines[odd + 8].split(",")[0] + ".000000"]
    (tmp_path / "labels" / "combined_windows.json").write_text(json.dumps({"real/one.csv": [window]}))

    corpus = nab.read(tmp_path / "data" / "real" / "one.csv", [window])
    found = nab.measure(tmp_path)

    assert (corpus.rows, corpus.windows) == (len(rows), [(odd, odd + 8)])
    assert corpus.alarms(10.0) == [odd + 2]
    # the third of nine rows: 7/9 of the window are left
    assert found.score == pytest.approx(50 + 50 * nab.sigmoid(-7 / 9) / nab.sigmoid(-1))
    assert (found.found, found.false) == (1, 0)
