"""Posts are read into the index once, however often and late they are heard of, and leave it with what they said."""

import asyncio
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.indexing import rules, service
from opsloop_feedback.indexing.rules import ALL_POSTS, Rarity


async def hear(desk, *events):
    """Read into the index what came in, and add up how rare its words are."""
    await deliver(desk.api.db, ARRIVALS, *(events or await desk.api.events()))
    desk.api.clock.advance(10)
    await run_due(desk.api.db, SERVICE.due)


async def rows(desk, query, workspace="acme"):
    async with desk.api.db.transaction(Context(workspace=workspace)) as session:
        return [tuple(row) for row in await session.execute(text(query))]


async def counted(desk):
    return dict(await rows(desk, "SELECT token, posts FROM token_df"))


async def tokens(desk):
    return await rows(desk, "SELECT token, feedback_id::text FROM feedback_token ORDER BY 1, 2")


async def test_each_term_leads_to_its_posts_and_is_counted(desk):
    one, other = await desk.post(body="登录时闪退"), await desk.post(body="Login shows a chart", title="Login")

    await hear(desk)

    assert set(await tokens(desk)) >= {("=log in", one["id"]), ("=log in", other["id"]), ("=chart", other["id"])}
    found = await counted(desk)
    assert (found[ALL_POSTS], found["=log in"], found["=crash"], found["=chart"]) == (2, 2, 1, 1)


async def test_twice_late_and_out_of_order_is_once(desk):
    for body in ("登录时闪退", "导出报表", "登录时闪退"):
        await desk.post(body=body)
    events = await desk.api.events()

    await hear(desk, *reversed(events))
    before = (await tokens(desk), await counted(desk))
    await hear(desk, *events)
    await hear(desk, *[event.model_copy(update={"id": uuid4()}) for event in events])

    assert (await tokens(desk), await counted(desk)) == before


async def test_batches_at_once_count_each_post(desk):
    for index in range(6):
        await desk.post(body=f"导出报表 {index}")
    events = await desk.api.events()

    await asyncio.gather(*(deliver(desk.api.db, ARRIVALS, *events[at : at + 2]) for at in (0, 2, 4)))
    await hear(desk, events[0])

    assert (await counted(desk))["=export"] == 6


async def test_what_is_gone_is_left_alone_and_poison_leaves_nothing(desk):
    await desk.post(body="导出报表")
    [event] = await desk.api.events()
    gone = event.model_copy(update={"data": event.data | {"feedback_id": str(uuid4())}, "id": uuid4()})
    poison = event.model_copy(update={"data": {"feedback_id": "x"}, "id": uuid4()})

    await hear(desk, gone)
    assert await tokens(desk) == []
    with pytest.raises(ValidationError):
        await deliver(desk.api.db, ARRIVALS, event, poison)
    assert await tokens(desk) == []


async def test_another_title_is_found_and_the_one_before_is_not(desk):
    item = await desk.post(body="It happens daily.", title="闪退")
    await hear(desk)

    await desk.patch(item["id"], title="导出")
    for _ in range(2):  # it is read again, then counted
        await hear(desk)

    assert {token for token, _ in await tokens(desk)} >= {"=export"}
    assert "=crash" not in {token for token, _ in await tokens(desk)} | (await counted(desk)).keys()


async def test_of_erased_people_no_word_is_left(desk):
    await desk.post(body="独一无二的话 登录", author={"user_id": "mark"})
    kept = await desk.post(body="登录")
    await hear(desk)

    data = UserErased(erasure_id=uuid4(), user_id="mark", user_ids=["mark"])
    await deliver(desk.api.db, ERASURES, make_event(data))

    assert await tokens(desk) == [("=log in", kept["id"])]
    assert await counted(desk) == {ALL_POSTS: 1, "=log in": 1}
    assert await rows(desk, "SELECT tok, likeness FROM indexed_feedback WHERE tok = '{}'") == [([], None)]
    assert await rows(desk, "SELECT * FROM token_df_change") == []


async def test_a_foreign_workspace_sees_no_rows(desk):
    await desk.post(body="导出报表")
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    for table in ("indexed_feedback", "feedback_token", "token_df_change"):
        assert await rows(desk, f"SELECT * FROM {table}") != []
        assert await rows(desk, f"SELECT * FROM {table}", workspace="other") == []


@pytest.mark.parametrize(
    ("known", "wanted"),
    [
        ({}, ["a", "b", "c"]),
        ({"a": 3, "b": 2, "c": 1}, ["c", "b", "a"]),
        ({"a": 2_000, "b": 2_000, "c": 2_500}, ["a", "b", "c"]),
        ({"a": 5_999, "b": 5_999, "c": 9_999}, ["a", "b", "c"]),
    ],
)
def test_posts_are_looked_for_by_the_rarest_terms(known, wanted):
    assert rules.probes("abc", Rarity(10_000, known)) == wanted


def test_no_more_than_so_many_terms_and_posts_are_looked_at():
    common = {f"{index:02}": rules.POSTS_PER_PROBE for index in range(20)}
    rare = {f"{index:02}": 1 for index in range(20)}

    assert len(rules.probes(common, Rarity(100_000, common))) == rules.PROBED_POSTS // rules.POSTS_PER_PROBE
    assert len(rules.probes(rare, Rarity(100_000, rare))) == rules.MOST_PROBES


def test_rare_terms_weigh_more():
    known = Rarity(1_000, {"=crash": 100, "=export": 1})

    assert known.weight("=export") > known.weight("=crash") > 0


@pytest.mark.parametrize(
    ("term", "share"),
    [
        ("word", 1.0),
        ("5.2.1", 1.0),
        ("登录", 1.0),
        ("很长的词", 1.0),
        ("卡", 1.0),
        ("录失", rules.PAIR_WEIGHT),
        ("表支", rules.PAIR_WEIGHT),
        ("=crash", rules.THING_WEIGHT),
        ("=log in", rules.THING_WEIGHT),
    ],
)
def test_things_weigh_more_than_words_and_pairs_that_are_no_words_less(term, share):
    known = Rarity(1_000, {term: 7, "plain": 7})

    assert known.weight(term) == pytest.approx(known.weight("plain") * share)


@pytest.mark.parametrize("posts", [0, 1, 10, 1_000, 10**9])
@pytest.mark.parametrize("having", [0, 1, 7, 10**9])
def test_every_term_says_something(posts, having):
    assert Rarity(posts, {"word": having}).weight("word") > 0


async def test_a_title_that_changes_while_the_post_is_heard_of_is_read_last(desk):
    item = await desk.post(body="It happens daily.", title="闪退")
    await desk.patch(item["id"], title="导出")

    await hear(desk)
    for _ in range(2):
        await hear(desk)

    assert "=crash" not in {token for token, _ in await tokens(desk)}


async def test_another_area_makes_another_post_of_it(desk):
    item = await desk.post(body="Payment fails ever since version 5")
    await hear(desk)
    before = await rows(desk, "SELECT likeness FROM indexed_feedback")

    await desk.patch(item["id"], area="web")
    await hear(desk)

    assert await rows(desk, "SELECT likeness FROM indexed_feedback") != before


async def test_what_says_nothing_is_read_and_counts_for_none(desk):
    await desk.post(body="的了吗")
    await desk.post(body="…")

    await hear(desk)

    assert await tokens(desk) == []
    assert await counted(desk) == {}
    assert len(await rows(desk, "SELECT 1 FROM indexed_feedback")) == 2


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (("acme", b"x" * 32), ("acme", b"x" * 32), True),
        (("acme", b"x" * 32), ("acme", b"y" * 32), False),
        (("acme", b"x" * 32), ("other", b"x" * 32), False),
        (("a" * 63, b"x" * 32), ("a" * 62 + "b", b"x" * 32), False),
    ],
)
def test_turns_are_taken_for_one_text_of_one_workspace(one, other, is_same):
    assert (rules.turn_of(*one) == rules.turn_of(*other)) is is_same
    assert -(2**63) <= rules.turn_of(*one) < 2**63


async def test_repeats_name_the_oldest_the_one_before_and_the_last_that_was_there(desk):
    ids = [UUID((await desk.post(body="Payment fails ever since version 5"))["id"]) for _ in range(4)]
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await service.index(session, ids)
        await session.flush()

        all_new = await service.repeats_of(session, ids)
        first, last = await service.repeats_of(session, ids[:1]), await service.repeats_of(session, ids[3:])
        alone = await service.repeats_of(session, [uuid4()])

    assert [(one.feedback_id, one.others) for one in all_new] == [
        (ids[1], (ids[0],)),
        (ids[2], (ids[0], ids[1])),
        (ids[3], (ids[0], ids[2])),
    ]
    assert [one.others for one in (*first, *last)] == [(ids[0], ids[3]), (ids[0], ids[2])]
    assert alone == []


async def test_what_is_removed_is_found_by_nothing_and_counts_no_more(desk):
    post = await desk.post(body="Unmistakable zeppelin")
    await deliver(desk.api.db, ARRIVALS, *await desk.public())
    async with desk.api.db.transaction(Context("acme")) as session:
        await service.remove(session, [UUID(post["id"])])
        while await service.count_terms(session):
            pass

    async with desk.api.db.transaction(Context("acme")) as session:
        assert (await service.rarity(session, ["zeppelin"])).of == {}
        assert (await session.execute(text("SELECT count(*) FROM feedback_token"))).scalar_one() == 0
