"""Look for the topics of the last weeks, in turns with all else, and write down what became of those of the last time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import clock_of
from opsloop_common.due import LongRun
from opsloop_common.turns import in_turns
from opsloop_feedback.cluster_members import service as members
from opsloop_feedback.cluster_members.service import Joining
from opsloop_feedback.clusters import queries, rules, service
from opsloop_feedback.clusters.models import Cluster
from opsloop_feedback.clusters.rules import Clustering, Found, Post, Turned
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items
from opsloop_feedback.synonyms import service as synonyms
from opsloop_feedback.terms.rules import Vocabulary, read

READ_AT_ONCE = 2_000
MOST_NUMBER = 2**63 - 1


@dataclass(frozen=True)
class _Recent:
    """When something was said, how grave it is, and who said it, in one word."""

    id: UUID
    number: int
    created_at: datetime
    severity: str
    author: str


@dataclass(frozen=True)
class _Put:
    """A topic that was found, and how its posts put it."""

    found: Found
    terms: list[str]


async def find_topics(run: LongRun) -> None:
    """Find the topics of the workspace anew, and keep the ids of those that stayed. What was killed in between begins again."""
    recent, posts = await _read(run)
    topics = await find(posts, workspace=run.workspace)
    put = await _put(run, topics)
    async with run.transaction() as session:
        await _keep(session, recent, put)


async def _read(run: LongRun) -> tuple[dict[UUID, _Recent], list[Post]]:
    """Return the newest posts of these weeks, the oldest first, and what each is found by; a portion in each transaction."""
    async with run.transaction() as session:
        now = clock_of(session).now()
        known = await members.all_members(session)
    recent: dict[UUID, _Recent] = {}
    terms: dict[UUID, Sequence[str]] = {}
    since, before = now - rules.WEEKS * rules.WEEK, (now, MOST_NUMBER)
    words: dict[str, str] = {}
    while len(recent) < rules.MOST_POSTS:
        async with run.transaction() as session:
            rows = await items.recent_posts(session, since, before, READ_AT_ONCE)
            some = [_Recent(*row) for row in rows]
            read_as = await indexing.terms_of(session, [one.id for one in some])
        if not some:
            break
        before = (some[-1].created_at, some[-1].number)
        recent |= {one.id: one for one in some}
        # each word is held once, however many say it
        terms |= {id: tuple(words.setdefault(term, term) for term in of) for id, of in read_as.items()}
    excluded = {id for id, (_, is_excluded) in known.items() if is_excluded}
    return recent, [Post(id, terms[id]) for id in reversed(recent) if terms.get(id) and id not in excluded]


async def find(posts: Sequence[Post], *, workspace: str) -> list[Found]:
    """Return the topics that posts speak of, the largest first."""
    clustering = Clustering(posts)
    await in_turns(clustering.count, posts, workspace=workspace)
    await in_turns(clustering.weigh, posts, workspace=workspace)
    await in_turns(clustering.gather, range(len(posts)), workspace=workspace)
    await in_turns(clustering.unite, clustering.numbers(), workspace=workspace)
    await in_turns(clustering.settle, clustering.numbers(), workspace=workspace)
    await in_turns(clustering.choose, range(len(posts)), workspace=workspace)
    found = await in_turns(clustering.found, clustering.numbers(), workspace=workspace)
    return sorted((one for one in found if one is not None), key=lambda one: -len(one.posts))[: rules.MOST_CLUSTERS]


async def _put(run: LongRun, topics: Sequence[Found]) -> list[_Put]:
    async with run.transaction() as session:
        by = await synonyms.vocabulary(session)
        said = {one.id: one for one in await items.said_in(session, [id for one in topics for id in one.examples])}
    texts = [[(said[id].body, said[id].title) for id in one.examples if id in said] for one in topics]
    return await in_turns(partial(_told, by), list(zip(topics, texts, strict=True)), workspace=run.workspace)


def _told(by: Vocabulary, one: tuple[Found, list[tuple[str, str | None]]]) -> _Put:
    topic, texts = one
    shown = [read(body, title, by=by).shown for body, title in texts]
    ways = {term: Counter(each[term] for each in shown if term in each) for term in topic.terms}
    return _Put(topic, rules.labels(topic.terms, ways))


async def _keep(session: AsyncSession, recent: dict[UUID, _Recent], put: Sequence[_Put]) -> None:
    known = await queries.lock_clusters(session)
    before = await members.all_members(session)  # as they are by now: who excluded one meanwhile is heard
    excluded = {id for id, (_, is_excluded) in before.items() if is_excluded}
    posts = [[id for id in one.found.posts if id not in excluded] for one in put]
    turned = rules.recognized({id: of for id, (of, is_excluded) in before.items() if not is_excluded}, posts)
    kept = [_cluster(session, known, one, each, ids, recent) for one, each, ids in zip(put, turned, posts, strict=True)]
    await session.flush()
    joining = [
        Joining(id, cluster.id, recent[id].created_at, recent[id].severity, recent[id].author)
        for cluster, ids in zip(kept, posts, strict=True)
        for id in ids
    ]
    joined = {one.feedback_id for one in joining} | (excluded & recent.keys())
    await members.let_go(session, before.keys() - joined)
    # those that went away meanwhile are not there to belong to anything
    ids = [one.feedback_id for one in joining]
    there = {id for _, id in await items.numbers_matching(session, Filters(), ids=ids, limit=len(ids))}
    await members.keep(session, [one for one in joining if one.feedback_id in there])
    _end(known, turned, kept)
    for cluster in known.values():
        if not cluster.posts and cluster.updated_at < clock_of(session).now() - rules.REMEMBERED:
            await session.delete(cluster)
    await service.recount(session, {one.id: one for one in (*known.values(), *kept)}.values())


def _cluster(
    session: AsyncSession,
    known: dict[UUID, Cluster],
    one: _Put,
    turned: Turned,
    posts: Sequence[UUID],
    recent: dict[UUID, _Recent],
) -> Cluster:
    if turned.id is not None:
        cluster = known[turned.id]
        if (cluster.terms, cluster.examples, cluster.merged_into_id) != (one.terms, one.found.examples, None):
            cluster.terms, cluster.examples, cluster.merged_into_id = one.terms, one.found.examples, None
            cluster.version += 1
        return cluster
    times = [recent[id].created_at for id in posts] or [clock_of(session).now()]
    nothing = dict.fromkeys(("posts", "this_week", "before", "authors", "s1", "s2", "s3", "s4"), 0)
    return resources.create(
        session,
        Cluster,
        name=None,
        terms=one.terms,
        examples=one.found.examples,
        **nothing,
        rising=0.0,
        first_at=min(times),
        last_at=max(times),
        is_dismissed=False,
        came_from_id=turned.came_from,
        merged_into_id=None,
    )


def _end(known: dict[UUID, Cluster], turned: Sequence[Turned], kept: Sequence[Cluster]) -> None:
    for each, cluster in zip(turned, kept, strict=True):
        for id in each.took_in:
            known[id].merged_into_id = cluster.id
