"""Members of clusters: kept in bulk, each post in one topic, counted as they are, and let go."""

from collections import Counter
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context
from opsloop_common.errors import NotFound
from opsloop_feedback.cluster_members import service as members
from opsloop_feedback.cluster_members.service import AT_ONCE, Joining, digest

MINE, THEIRS = Context("acme", actor="test"), Context("other", actor="test")
MAKE = text(
    "INSERT INTO cluster (id, workspace, version, created_at, updated_at, terms, examples, posts, this_week, before, authors, s1, s2, "
    "s3, s4, rising, first_at, last_at, is_dismissed) VALUES (:id, 'acme', 1, :now, :now, '{}', '{}', 0, 0, 0, 0, 0, 0, 0, 0, 0, "
    ":now, :now, false)"
)


class Kept:
    """Two topics, and posts that may belong to them."""

    def __init__(self, desk, topics):
        self.desk = desk
        self.topics = topics
        self.now = desk.api.clock.now()

    def joining(self, post, topic=0, *, author="u:1", severity="s3", days=0):
        return Joining(UUID(post["id"]), self.topics[topic], self.now - timedelta(days=days), severity, author)

    async def keep(self, *joining):
        async with self.desk.api.db.transaction(MINE) as session:
            await members.keep(session, joining)

    async def let_go(self, *posts):
        async with self.desk.api.db.transaction(MINE) as session:
            return await members.let_go(session, [UUID(post["id"]) for post in posts])

    async def exclude(self, post, topic=0, *, is_excluded=True):
        async with self.desk.api.db.transaction(MINE) as session:
            await members.set_excluded(session, self.topics[topic], UUID(post["id"]), is_excluded=is_excluded)

    async def all(self, context=MINE):
        async with self.desk.api.db.transaction(context) as session:
            return await members.all_members(session)

    async def counted(self, topic=None, context=MINE):
        only = None if topic is None else [self.topics[topic]]
        async with self.desk.api.db.transaction(context) as session:
            return await members.count(session, since=self.now - timedelta(days=7), cluster_ids=only)

    async def posts(self, *topics, context=MINE):
        async with self.desk.api.db.transaction(context) as session:
            return set(await session.scalars(members.posts_of([self.topics[topic] for topic in topics])))


@pytest_asyncio.fixture
async def kept(desk):
    topics = [uuid4(), uuid4()]
    async with desk.api.db.transaction(MINE) as session:
        for id in topics:
            await session.execute(MAKE, {"id": id, "now": desk.api.clock.now()})
    return Kept(desk, topics)


async def some(kept, count):
    return [await kept.desk.post(body=f"refund number {at}") for at in range(count)]


async def test_members_are_counted_by_week_author_and_severity(kept):
    posts = await some(kept, 5)
    await kept.keep(
        kept.joining(posts[0], author="u:1", severity="s1"),
        kept.joining(posts[1], author="u:1", severity="s2", days=6),
        kept.joining(posts[2], author="m:a@example.test", severity="s2", days=8),
        kept.joining(posts[3], author="f:x", severity="s4", days=30),
        kept.joining(posts[4], topic=1),
    )

    found = await kept.counted()
    first = found[kept.topics[0]]

    assert (first.posts, first.this_week, first.authors) == (4, 2, 3)
    assert (first.s1, first.s2, first.s3, first.s4) == (1, 2, 0, 1)
    assert (first.first_at, first.last_at) == (kept.now - timedelta(days=30), kept.now)
    assert found[kept.topics[1]].posts == 1
    assert set(await kept.counted(1)) == {kept.topics[1]}


async def test_a_post_belongs_to_one_topic_and_moves_with_all_that_is_known_of_it(kept):
    [post] = await some(kept, 1)
    await kept.keep(kept.joining(post))
    await kept.keep(kept.joining(post, topic=1, severity="s1", author="u:2", days=9))

    assert await kept.all() == {UUID(post["id"]): (kept.topics[1], False)}
    [moved] = (await kept.counted()).values()
    assert (moved.cluster_id, moved.s1, moved.this_week) == (kept.topics[1], 1, 0)


async def test_to_keep_the_same_twice_writes_nothing(kept):
    posts = await some(kept, 3)
    places = text("SELECT feedback_id, ctid::text, xmin::text FROM cluster_member ORDER BY 1")

    async def rows():
        async with kept.desk.api.db.transaction(MINE) as session:
            return list(map(tuple, await session.execute(places)))

    await kept.keep(*(kept.joining(post) for post in posts))
    before = await rows()
    await kept.keep(*(kept.joining(post) for post in posts))

    assert await rows() == before
    assert len(before) == 3


async def test_what_was_taken_out_counts_nowhere_and_stays_where_it_was(kept):
    posts = await some(kept, 2)
    await kept.keep(*(kept.joining(post) for post in posts))
    await kept.exclude(posts[0])

    await kept.keep(kept.joining(posts[0], topic=1), kept.joining(posts[1]))

    assert await kept.all() == {
        UUID(posts[0]["id"]): (kept.topics[0], True),
        UUID(posts[1]["id"]): (kept.topics[0], False),
    }
    assert [one.posts for one in (await kept.counted()).values()] == [1]
    assert await kept.posts(0, 1) == {UUID(posts[1]["id"])}
    await kept.exclude(posts[0], is_excluded=False)
    assert await kept.posts(0) == {UUID(post["id"]) for post in posts}


async def test_only_a_member_is_taken_out(kept):
    posts = await some(kept, 2)
    await kept.keep(kept.joining(posts[0]))

    for post, topic in ((posts[1], 0), (posts[0], 1)):
        with pytest.raises(NotFound):
            await kept.exclude(post, topic)
    assert await kept.all() == {UUID(posts[0]["id"]): (kept.topics[0], False)}


async def test_letting_go_says_which_topics_lost_some_and_twice_is_once(kept):
    posts = await some(kept, 3)
    await kept.keep(kept.joining(posts[0]), kept.joining(posts[1], topic=1))

    assert await kept.let_go(posts[0], posts[2]) == {kept.topics[0]}
    assert await kept.let_go(posts[0], posts[2]) == set()
    assert await kept.let_go() == set()
    assert set(await kept.all()) == {UUID(posts[1]["id"])}


async def test_others_count_and_see_none_of_it(kept):
    [post] = await some(kept, 1)
    await kept.keep(kept.joining(post))

    assert await kept.posts(0) == {UUID(post["id"])}
    assert await kept.all(THEIRS) == {}
    assert await kept.counted(context=THEIRS) == {}
    assert await kept.posts(0, context=THEIRS) == set()
    assert await kept.posts(1) == set()
    assert set(await kept.counted(0)) == {kept.topics[0]}


async def test_a_member_needs_its_post_and_its_topic(kept):
    [post] = await some(kept, 1)
    gone = {"id": str(uuid4())}
    for joining in (
        kept.joining(gone),
        Joining(UUID(post["id"]), uuid4(), kept.now, "s3", "u:1"),
        kept.joining(post, severity="s9"),
    ):
        with pytest.raises(IntegrityError):
            await kept.keep(joining)
    assert await kept.all() == {}


async def test_more_than_one_statement_takes_are_kept_in_turn(kept, monkeypatch):
    posts = await some(kept, 5)
    monkeypatch.setattr(members, "AT_ONCE", 2)

    await kept.keep(*(kept.joining(post, at % 2) for at, post in enumerate(posts)))

    assert Counter(topic for topic, _ in (await kept.all()).values()) == {kept.topics[0]: 3, kept.topics[1]: 2}
    assert await kept.let_go(*posts) == set(kept.topics)
    assert AT_ONCE >= 1_000


@given(st.text(), st.text())
def test_a_digest_tells_authors_apart_and_nothing_of_them(one, other):
    assert (digest("acme", one) == digest("acme", other)) == (one == other)
    assert digest("acme", one) != digest("other", one)
    assert len(digest("acme", one)) == 12


def test_a_digest_takes_what_no_encoding_does():
    assert digest("w" * 500, "\ud800") != digest("w" * 500, "\ud801")


async def test_a_post_that_goes_takes_its_membership_along_and_a_topic_all_of_its_own(kept):
    posts = await some(kept, 3)
    await kept.keep(kept.joining(posts[0]), kept.joining(posts[1]), kept.joining(posts[2], topic=1))

    async def delete(table, id):
        async with kept.desk.api.db.transaction(MINE) as session:
            await session.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": id})

    await delete("feedback", UUID(posts[0]["id"]))
    assert {id: one.posts for id, one in (await kept.counted()).items()} == dict.fromkeys(kept.topics, 1)
    await delete("cluster", kept.topics[1])
    assert set(await kept.all()) == {UUID(posts[1]["id"])}
