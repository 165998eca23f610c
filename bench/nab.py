"""Numenta's Anomaly Benchmark, scored as it scores (standard profile). Its files are not ours to give: OPSLOOP_NAB names a checkout."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from opsloop_metrics.anomalies.rules import Options, Point, judge_all

FALSE_WEIGHT = 0.11
PROBATION, MOST_PROBATION = 0.15, 750
QUIET = 24
THRESHOLDS = [step / 2 for step in range(6, 81)]
Window = tuple[int, int]


@dataclass(frozen=True)
class Corpus:
    """One file: how many rows, the first and last row of each window, and our score of each hour, told with its last row."""

    rows: int
    windows: list[Window]
    scores: list[tuple[int, float]]

    @property
    def probation(self) -> int:
        """Return how many rows at the beginning nobody is judged by."""
        return min(math.floor(PROBATION * self.rows), MOST_PROBATION)

    @property
    def counted(self) -> list[Window]:
        """Return the windows that do not end on probation."""
        return [window for window in self.windows if window[1] >= self.probation]

    def alarms(self, threshold: float) -> list[int]:
        """Return the rows that alarm: an hour beyond the threshold, unless one of the 24 before was."""
        told, last = [], -QUIET - 1
        for hour, (row, score) in enumerate(self.scores):
            if score > threshold:
                if hour - last > QUIET and row >= self.probation:
                    told.append(row)
                last = hour
        return told


@dataclass(frozen=True)
class Result:
    """The score at the best threshold: 0 is to say nothing, 100 is every window at its first row and nothing else."""

    score: float
    found: int
    windows: int
    false: int
    threshold: float

    def __str__(self) -> str:
        precision, recall = self.found / max(self.found + self.false, 1), self.found / max(self.windows, 1)
        f1 = 2 * self.found / max(self.found + self.false + self.windows, 1)
        return f"{self.score:.1f} (P {precision:.2f}, R {recall:.2f}, F1 {f1:.2f} at {self.threshold:g})"


def measure(folder: Path) -> Result:
    """Judge every file by its hours' means, and score at the one threshold that is best for all. KeyError: a file without labels."""
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text())
    files = sorted((folder / "data").glob("*/*.csv"))
    return best([read(file, labels[f"{file.parent.name}/{file.name}"]) for file in files])


def best(corpora: Sequence[Corpus]) -> Result:
    """Return the result at the threshold that is best for all files together."""
    results = []
    for threshold in THRESHOLDS:
        told = [(corpus, corpus.alarms(threshold)) for corpus in corpora]
        windows = sum(len(corpus.counted) for corpus in corpora)
        raw = sum(score(corpus, alarms) for corpus, alarms in told)
        found = sum(any(_is_in(row, window) for row in alarms) for corpus, alarms in told for window in corpus.counted)
        false = sum(
            not any(_is_in(row, window) for window in corpus.windows) for corpus, alarms in told for row in alarms
        )
        results.append(Result(100 * (raw + windows) / (2 * max(windows, 1)), found, windows, false, threshold))
    return max(results, key=lambda result: result.score)


def score(corpus: Corpus, alarms: Sequence[int]) -> float:
    """Return a file's raw score: 1 for a window found at its first row, less later, -1 for one that is missed; each false alarm costs
    0.11, less close behind a window."""
    total = 0.0
    for first, last in corpus.counted:
        inside = [row for row in alarms if first <= row <= last]
        places = [-(last - row + 1) / (last - first + 1) for row in inside]
        total += max((sigmoid(place) / sigmoid(-1) for place in places), default=-1.0)
    for row in alarms:
        if not any(_is_in(row, window) for window in corpus.windows):
            behind = [window for window in corpus.windows if window[1] < row]
            place = (row - behind[-1][1]) / max(behind[-1][1] - behind[-1][0], 1) if behind else math.inf
            total += FALSE_WEIGHT * sigmoid(place)
    return total


def sigmoid(place: float) -> float:
    """Return what a row is worth by its place: -1 is a window's first row, 0 its end, 1 as far behind it as it is long."""
    return -1.0 if place > 3 else 2 / (1 + math.exp(5 * place)) - 1


def read(file: Path, windows: Sequence[Sequence[str]]) -> Corpus:
    """Read one file and judge its hours."""
    with file.open(newline="") as lines:
        rows = [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    places = {at: place for place, (at, _) in reversed(list(enumerate(rows)))}
    points, last_rows = [], []
    for hour, those in groupby(enumerate(rows), key=lambda row: row[1][0].replace(minute=0, second=0, microsecond=0)):
        within = list(those)
        points.append(Point(hour, sum(value for _, (_, value) in within) / len(within)))
        last_rows.append(within[-1][0])
    by_hour = dict(zip((point.at for point in points), last_rows, strict=True))
    judged = judge_all(points, Options(interval="hour", is_count=False))
    scores = [(by_hour[judgement.at], abs(judgement.score or 0)) for judgement in judged]
    return Corpus(len(rows), sorted((places[_time(first)], places[_time(last)]) for first, last in windows), scores)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _is_in(row: int, window: Window) -> bool:
    return window[0] <= row <= window[1]
