"""`python -m bench.similar --pairs FILE`: how often the labelled partner of a post is among the first 1, 5 and 10 that are similar.

FILE is tab-separated: text1, text2, label (1: they mean the same). All texts of the file are posts; each text1 of a pair that means
the same looks for what is labelled so, through the product's own index on a PostgreSQL of its own, and through PostgreSQL's full-text
search (`simple`, any of the words, by ts_rank) beside it. Of the other pairs it is told how many would have joined by themselves: none may.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import asyncpg

from bench.world import databases
from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role
from opsloop_common.testing import run
from opsloop_common.testing.http import Api, open_api, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.similar import service as similar
from opsloop_feedback.terms.rules import likeness, read

OWN = Path(__file__).parent.parent / "services/feedback/tests/data/pairs.tsv"
WORKSPACE = "bench"
PLACES = (1, 5, 10)
BATCH = 500
_WORDS = "tsvector_to_array(to_tsvector('simple', $1))"
FULL_TEXT = (
    "SELECT id FROM feedback, CAST(nullif(array_to_string(ARRAY(SELECT quote_literal(word) FROM "
    f"unnest({_WORDS}) AS word), ' | '), '') AS tsquery) AS asked "
    "WHERE id <> $2 AND to_tsvector('simple', body) @@ asked "
    "ORDER BY ts_rank(to_tsvector('simple', body), asked) DESC, id LIMIT $3"
)


@dataclass(frozen=True)
class Pair:
    """Two texts, and whether they mean the same."""

    one: str
    other: str
    is_same: bool


@dataclass(frozen=True)
class Score:
    """How many of the questions found their partner among the first 1, 5, 10, and how long one took."""

    hits: dict[int, float]
    seconds: list[float]

    def __str__(self) -> str:
        found = "  ".join(f"hit@{place} {share:.3f}" for place, share in self.hits.items())
        cuts = statistics.quantiles(self.seconds, n=20) if len(self.seconds) > 1 else [0.0] * 19
        return f"{found}  p50 {cuts[9] * 1000:.1f} ms  p95 {cuts[18] * 1000:.1f} ms"


def read_pairs(path: Path) -> list[Pair]:
    """Return the pairs of a file; a head line, and lines that are no pairs, are left out."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Pair(row[0], row[1], row[2] == "1") for row in rows if len(row) == 3 and row[2] in ("0", "1")]


def joined(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs that would join by themselves though they do not mean the same."""
    return [pair for pair in pairs if not pair.is_same and is_repeat(pair)]


def is_repeat(pair: Pair) -> bool:
    """Say whether a pair would join by itself."""
    one, other = (likeness(text, None, about=[None]) for text in (pair.one, pair.other))
    return one is not None and one == other


def questions(pairs: Iterable[Pair]) -> dict[str, set[str]]:
    """Return each first text of a pair that means the same, with all texts that are labelled so; what repeats it is no question."""
    same = defaultdict[str, set[str]](set)
    asked: dict[str, None] = {}
    for pair in pairs:
        if pair.is_same and pair.one != pair.other and not is_repeat(pair):
            same[pair.one].add(pair.other)
            same[pair.other].add(pair.one)
            asked[pair.one] = None
    return {one: same[one] for one in asked}


async def score(
    pairs: Sequence[Pair], ids: dict[str, UUID], find: Callable[[str, UUID], Awaitable[list[UUID]]]
) -> Score:
    """Let each question look for one of its partners."""
    hits, seconds = dict.fromkeys(PLACES, 0), []
    asked = questions(pairs)
    for one, partners in asked.items():
        began = time.perf_counter()
        found = await find(one, ids[one])
        seconds.append(time.perf_counter() - began)
        wanted = {ids[partner] for partner in partners}
        for place in PLACES:
            hits[place] += not wanted.isdisjoint(found[:place])
    return Score({place: count / max(1, len(asked)) for place, count in hits.items()}, seconds)


async def fill(api: Api, texts: Iterable[str]) -> dict[str, UUID]:
    """Post texts and read them into the index; returns their ids. Nothing joins, so that all can be looked for."""
    headers, ids = await api.key(workspace=WORKSPACE), dict[str, UUID]()
    wanted = list(dict.fromkeys(texts))
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        rows = [{"external_id": f"t{start + at}", "body": body} for at, body in enumerate(batch)]
        answer = await api.client.post("/v1/feedback:batch", json={"items": rows}, headers=headers)
        assert answer.status_code == 200, answer.text
        ids |= {body: UUID(row["id"]) for body, row in zip(batch, answer.json()["items"], strict=True)}
        async with api.db.work(Context(workspace=WORKSPACE)) as session:
            await indexing.index(session, [ids[body] for body in batch])
    async with api.db.work(Context(workspace=WORKSPACE)) as session:
        while await indexing.count_terms(session):
            pass
    return ids


async def measure(pairs: Sequence[Pair], url: str) -> tuple[Score, Score]:
    """Return the scores of the product, and of full-text search over the same posts."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    postgres = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    try:
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings)) as api:
            ids = await fill(api, [text for pair in pairs for text in (pair.one, pair.other)])
            await postgres.execute("ANALYZE")
            await postgres.execute("SELECT set_config('opsloop.workspace', $1, false)", WORKSPACE)
            await postgres.execute("CREATE INDEX full_text ON feedback USING gin (to_tsvector('simple', body))")

            async def ours(text: str, apart: UUID) -> list[UUID]:
                async with database.transaction(Context(workspace=WORKSPACE)) as session:
                    found = await similar.find_matches(session, read(text), apart=apart, limit=PLACES[-1])
                return [match.feedback_id for match in found]

            async def full_text(text: str, apart: UUID) -> list[UUID]:
                return [row["id"] for row in await postgres.fetch(FULL_TEXT, text, apart, PLACES[-1])]

            return await score(pairs, ids, ours), await score(pairs, ids, full_text)
    finally:
        await database.close()
        await postgres.close()


async def _measured(pairs: Sequence[Pair]) -> tuple[Score, Score]:
    with databases() as found:
        return await measure(pairs, await found.migrated("feedback", "similar"))


def main() -> None:
    """Print the scores of a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, default=OWN)
    pairs = read_pairs(parser.parse_args().pairs)
    begun = run.begin()  # whatever ends this, nothing that it started or wrote stays
    try:
        ours, full_text = asyncio.run(_measured(pairs))
    finally:
        begun.end()
    print(
        f"{len(pairs)} pairs, {sum(pair.is_same for pair in pairs)} that mean the same, {len(questions(pairs))} questions"
    )
    print(f"OpsLoop         {ours}")
    print(f"full-text search {full_text}")
    wrong = joined(pairs)
    print(f"joined by themselves though they mean something else: {len(wrong)}")
    for pair in wrong:
        print(f"    {pair.one}\t{pair.other}")


if __name__ == "__main__":
    main()
