"""Whatever happens to posts, the index is what reading all of them anew would make of it."""

from collections import Counter
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.due.jobs import start_job
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.indexing import service
from opsloop_feedback.indexing.rules import ALL_POSTS, POSTS_PER_PROBE, Rarity
from opsloop_feedback.synonyms.rules import READ_POSTS
from opsloop_feedback.terms.rules import read

ACME = Context(workspace="acme")
BODIES = ("登录时闪退", "导出报表失败", "App crashes on login", "Dark mode please", "的了吗")
TITLES = ("退款", "Refund", None)


async def rows(desk, query):
    async with desk.api.db.transaction(ACME) as session:
        return [tuple(row) for row in await session.execute(text(query))]


async def settle(desk):
    """Hear all that happened, and do all that follows."""
    await deliver(desk.api.db, ARRIVALS, *await desk.api.events())
    for _ in range(3):
        desk.api.clock.advance(10)
        await run_due(desk.api.db, SERVICE.due)


async def compare(desk):
    posts = await rows(desk, "SELECT id, title, body, status FROM feedback")
    hidden = {id for (id,) in await rows(desk, "SELECT feedback_id FROM feedback_merge WHERE is_automatic")}
    terms = {id: set(read(body, title).all) for id, title, body, _ in posts}
    wanted = {(token, id) for id, tokens in terms.items() if id not in hidden for token in tokens}
    counts = Counter(token for tokens in terms.values() for token in tokens)
    counts[ALL_POSTS] = sum(bool(tokens) for tokens in terms.values())
    assert set(await rows(desk, "SELECT token, feedback_id FROM feedback_token")) == wanted
    assert dict(await rows(desk, "SELECT token, posts FROM token_df")) == {k: v for k, v in counts.items() if v}
    assert {id for (id,) in await rows(desk, "SELECT feedback_id FROM indexed_feedback WHERE is_hidden")} == {
        id for id, _, _, status in posts if status == "merged"
    }


steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.sampled_from(BODIES), st.sampled_from(TITLES)),
        st.tuples(st.just("title"), st.integers(0, 5), st.sampled_from(TITLES)),
        st.tuples(st.just("merge"), st.integers(0, 5), st.integers(0, 5)),
        st.tuples(st.just("unmerge"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("erase"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("hear"), st.just(0), st.just(0)),
    ),
    max_size=10,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
async def test_whatever_happens_the_index_is_what_reading_anew_makes(desk, steps):
    ids: list[str] = []
    for action, one, other in steps:
        if action == "post":
            made = await desk.post(body=one, author={"user_id": f"u{len(ids)}"}, **({"title": other} if other else {}))
            ids.append(made["id"])
        elif action == "hear":
            await settle(desk)
        elif ids:
            path = f"/v1/feedback/{ids[one % len(ids)]}"
            if action == "title":
                await desk.patch(path.rpartition("/")[2], title=other)
            elif action == "erase":
                data = UserErased(erasure_id=uuid4(), user_id="u", user_ids=[f"u{one % len(ids)}"])
                await deliver(desk.api.db, ERASURES, make_event(data))
            else:
                body = {"into": ids[other % len(ids)]} if action == "merge" else None
                await desk.client.post(f"{path}/{action}", json=body, headers=desk.agent)
    await settle(desk)

    await compare(desk)


async def test_what_was_merged_before_it_was_read_is_found_by_its_terms_and_like_nothing(desk):
    one, other = [(await desk.post(body=body))["id"] for body in BODIES[:2]]
    answer = await desk.client.post(f"/v1/feedback/{one}/merge", json={"into": other}, headers=desk.agent)
    assert answer.status_code == 200

    await settle(desk)

    await compare(desk)
    assert (await desk.get("/v1/similar", text="登录闪退"))["items"] == []


async def test_a_job_goes_on_where_it_stopped_and_counts_what_it_read(desk, monkeypatch):
    monkeypatch.setattr(service, "INDEXED_AT_ONCE", 2)
    ids = [(await desk.post(body=BODIES[at % 4] + str(at)))["id"] for at in range(5)]
    read_some, calls = service.read_some, list[UUID]()

    async def failing(session, *, after):
        calls.append(after)
        if len(calls) == 3:
            raise RuntimeError("the process dies here")
        return await read_some(session, after=after)

    monkeypatch.setattr(service, "read_some", failing)
    async with desk.api.db.transaction(ACME) as session:
        job_id = await start_job(session, READ_POSTS)

    with pytest.raises(RuntimeError):
        await run_due(desk.api.db, SERVICE.due)
    desk.api.clock.advance(60)
    await run_due(desk.api.db, SERVICE.due)

    job = await desk.get(f"/v1/jobs/{job_id}")
    assert (job["status"], job["done"]) == ("succeeded", 5)
    assert calls == [UUID(int=0), UUID(ids[1]), UUID(ids[3]), UUID(ids[3]), UUID(ids[4])]
    assert len(await rows(desk, "SELECT 1 FROM indexed_feedback")) == 5


async def test_a_term_that_everybody_says_costs_no_more_than_so_many_posts(desk, monkeypatch):
    monkeypatch.setattr("opsloop_feedback.indexing.queries.POSTS_PER_PROBE", 2)
    made = [await desk.post(body=f"闪退 number{at}") for at in range(4)]
    await settle(desk)

    async with desk.api.db.transaction(ACME) as session:
        found = await service.candidates(session, ["=crash"], Rarity(4, {"=crash": 4}), limit=10)

    assert {str(one.feedback_id) for one in found} == {each["id"] for each in made[2:]}
    assert POSTS_PER_PROBE > 2


async def test_batches_are_added_up_some_at_a_time_until_none_is_left(desk, monkeypatch):
    monkeypatch.setattr(service, "BATCHES_AT_ONCE", 2)
    for at in range(5):
        await desk.post(body=f"闪退 number{at}")
    for event in await desk.api.events():
        await deliver(desk.api.db, ARRIVALS, event)

    async with desk.api.db.transaction(ACME) as session:
        assert [await service.count_terms(session) for _ in range(3)] == [True, True, False]

    assert dict(await rows(desk, "SELECT token, posts FROM token_df"))["=crash"] == 5
    assert await rows(desk, "SELECT * FROM token_df_change") == []


async def test_counts_of_one_moment_wait_for_one_another_and_lose_nothing(desk):
    for at in range(4):
        await desk.post(body=f"闪退 number{at}")
    for event in await desk.api.events():
        await deliver(desk.api.db, ARRIVALS, event)

    async with desk.api.db.transaction(ACME) as one:
        assert await service.count_terms(one) is False
        async with desk.api.db.transaction(ACME) as other:  # what the first holds is passed over
            assert await service.count_terms(other) is False

    assert dict(await rows(desk, "SELECT token, posts FROM token_df"))["=crash"] == 4


@pytest.mark.parametrize("tokens", [[], ["nobody says this"], ["=crash", "=crash"]])
async def test_rarity_of_what_was_not_counted_is_nothing(desk, tokens):
    async with desk.api.db.transaction(ACME) as session:
        found = await service.rarity(session, tokens)
        assert (found.posts, found.of) == (0, {})
        assert await service.candidates(session, tokens, found, limit=5) == []


async def test_posts_are_hidden_before_they_were_read_too(desk):
    one = await desk.post(body="登录时闪退")
    async with desk.api.db.transaction(ACME) as session:
        await service.hide_repeats(session, [UUID(one["id"])])

    await settle(desk)

    assert await rows(desk, "SELECT token FROM feedback_token") == []
    async with desk.api.db.transaction(ACME) as session:
        await service.show(session, [UUID(one["id"])])
    assert {token for (token,) in await rows(desk, "SELECT token FROM feedback_token")} >= {"=crash", "=log in"}
