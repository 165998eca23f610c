"""`python -m bench.triage --data FILE`: how well triage sorts posts that people labelled; per class P, R, F1, and macro-F1.

FILE is tab-separated with a head line: text, kind, severity, sentiment (sign), stars; a column may be empty or absent.
`--curve` adds what the learner makes of it after 0, 50, 200 and 1,000 corrections, on posts that it has not seen.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from opsloop_feedback.learning.rules import Learner, Lesson, features_of, judge
from opsloop_feedback.triage.rules import triage

OWN = Path(__file__).parent.parent / "services/feedback/tests/data/posts.tsv"
KEPT = OWN.with_name("posts_kept.tsv")
FIELDS = ("kind", "severity", "sentiment")
SIZES = (0, 50, 200, 1_000)
UNSEEN = 1_000
SHUFFLED = 7
"""The seed of the order: the same curve each time."""


@dataclass(frozen=True)
class Score:
    """How well one class is found: shares of 1, and how many posts belong to it."""

    precision: float
    recall: float
    f1: float
    posts: int


def read(path: Path) -> list[dict[str, str]]:
    """Return the labelled posts of a file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def labelled(posts: Iterable[Mapping[str, str]], field: str) -> list[tuple[str, str]]:
    """Return (label, what triage says) of each post that has a label of the field."""
    return [(post[field], _sorted(post, field)) for post in posts if post.get(field)]


def scores(pairs: Iterable[tuple[str, str]]) -> dict[str, Score]:
    """Return the score of each label."""
    counts = Counter(pairs)
    found: dict[str, Score] = {}
    for label in sorted({label for label, _ in counts}):
        right = counts[label, label]
        said = sum(count for (_, says), count in counts.items() if says == label)
        posts = sum(count for (is_, _), count in counts.items() if is_ == label)
        found[label] = Score(right / said if said else 0.0, right / posts, 2 * right / (said + posts), posts)
    return found


def macro(by_label: Mapping[str, Score]) -> float:
    """Return the mean F1 of the labels."""
    return sum(score.f1 for score in by_label.values()) / len(by_label)


def _sorted(post: Mapping[str, str], field: str) -> str:
    stars = post.get("stars")
    sorted_as = triage(post["text"], rating=int(stars) if stars else None)
    if field == "sentiment":
        return str((sorted_as.sentiment > 0) - (sorted_as.sentiment < 0))
    return str(getattr(sorted_as, field))


def curve(
    posts: Iterable[Mapping[str, str]], *, sizes: Sequence[int] = SIZES, most: int = UNSEEN
) -> list[tuple[int, float]]:
    """Return (corrections, macro-F1 of the kinds of unseen posts), as far as there are enough posts."""
    lessons = [_lesson(post) for post in posts if post.get("kind")]
    Random(SHUFFLED).shuffle(lessons)
    unseen, known = lessons[: min(most, len(lessons) // 3)], lessons[min(most, len(lessons) // 3) :]
    points = []
    for size in sizes:
        if size > len(known):
            break
        learner = Learner(known[:size])
        for step in learner.steps():
            learner.learn(step)
        model = learner.model()
        pairs = [(lesson.label, judge(model, lesson.features, lesson.prior).label) for lesson in unseen]
        points.append((size, macro(scores(pairs))))
    return points


def _lesson(post: Mapping[str, str]) -> Lesson:
    stars = post.get("stars")
    prior = triage(post["text"], rating=int(stars) if stars else None).scores
    return Lesson(features_of(post["text"]), dict(prior), post["kind"])


def main() -> None:
    """Print the scores of each field that has labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=OWN)
    parser.add_argument("--curve", action="store_true")
    given = parser.parse_args()
    posts = read(given.data)
    for field in FIELDS:
        pairs = labelled(posts, field)
        if not pairs:
            continue
        by_label = scores(pairs)
        print(f"{field}: macro-F1 {macro(by_label):.3f} of {len(pairs)} posts")
        for label, score in by_label.items():
            print(f"  {label:<10} P {score.precision:.2f}  R {score.recall:.2f}  F1 {score.f1:.2f}  n {score.posts}")
        for (label, says), count in sorted(Counter(pairs).items()):
            if label != says:
                print(f"    {label} called {says}: {count}")
    if given.curve:
        for size, score in curve(posts):
            print(f"learner after {size:>5,} corrections: kind macro-F1 {score:.3f}")


if __name__ == "__main__":
    main()
