"""Who is erased is quoted no more: feedback says which posts were emptied, and no version of a persona keeps words of them."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.personas import rules
from opsloop_metrics.personas.consumers import ERASURES

GONE, STAYS = str(uuid4()), str(uuid4())


def quote(feedback_id, words="MARK"):
    return {"feedback_id": feedback_id, "text": words}


async def persona(world, *quotes, headers=None, **fields):
    """Make a segment with a persona; returns the persona's path."""
    headers = headers or world.headers
    made = await world.send("POST", "/v1/segments", json={"name": "Owners", "kind": "static"}, headers=headers)
    at = f"/v1/segments/{made.json()['id']}/persona"
    await write(world, at, *quotes, headers=headers, **fields)
    return at


async def write(world, at, *quotes, headers=None, **fields):
    body = {"title": "店主", "quotes": list(quotes)} | fields
    answer = await world.send("PUT", at, json=body, headers=headers or world.headers)
    assert answer.status_code in (200, 201), answer.text


async def erase(world, *feedback_ids, workspace="acme"):
    """Hear that posts were emptied; returns how often that was applied."""
    data = FeedbackErased(erasure_id=uuid4(), feedback_ids=[UUID(each) for each in feedback_ids])
    return await deliver(world.api.db, ERASURES, make_event(data, workspace=workspace))


async def versions(world, at):
    return (await world.get(f"{at}/versions"))["items"]


async def kept(world):
    """Return all that is kept of personas, as text."""
    async with world.api.db.transaction(Context("acme")) as session:
        rows = await session.scalars(
            text("SELECT p::text FROM persona AS p UNION ALL SELECT v::text FROM persona_version AS v")
        )
        return "\n".join(rows)


async def test_words_go_from_all_versions_and_that_is_a_version_more(world):
    first, last = quote(STAYS, "first"), quote(STAYS, "最后")
    at = await persona(world, first, quote(GONE), last)
    before = (await world.send("GET", at)).headers["etag"]
    await write(world, at, first, quote(GONE), last, title="another")
    world.api.clock.advance(60)

    await erase(world, GONE)

    shown = await world.get(at)
    assert (shown["title"], shown["quotes"], shown["version"]) == ("another", [first, last], 3)
    assert [each["quotes"] for each in await versions(world, at)] == [[first, last]] * 3
    assert [each["title"] for each in await versions(world, at)] == ["another", "another", "店主"]
    assert "MARK" not in await kept(world)
    again = {"title": "late", "quotes": [quote(GONE)]}
    stale = await world.send("PUT", at, json=again, headers=world.headers | {"If-Match": before})
    assert stale.status_code == 412


@pytest.mark.parametrize("is_quoted", [True, False], ids=["quoted", "never quoted"])
async def test_what_was_erased_is_not_written_back(world, is_quoted):
    """Somebody still has the persona as it was, and sends it without a version."""
    stale = [quote(STAYS), quote(GONE), quote(GONE.upper(), "again")]
    at = await persona(world, *(stale if is_quoted else [quote(STAYS)]))
    await erase(world, GONE)
    before = await world.get(at)

    refused = await world.send("PUT", at, json={"title": "店主", "quotes": stale})

    assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (
        422,
        ["/quotes/1/feedback_id", "/quotes/2/feedback_id"],
    )
    assert "MARK" not in refused.text
    assert await world.get(at) == before
    await write(world, at, quote(STAYS), title="another")
    assert (await world.get(at))["quotes"] == [quote(STAYS)]


async def test_others_may_quote_what_is_erased_elsewhere(world):
    await erase(world, GONE, workspace="other")
    at = await persona(world, quote(GONE))
    assert (await world.get(at))["quotes"] == [quote(GONE)]


@pytest.mark.parametrize("seed", range(4))
async def test_written_and_erased_at_once_nothing_of_it_stays(world, seed):
    at = await persona(world, quote(STAYS, "stays"))
    writing = [
        world.send("PUT", at, json={"title": f"t{number}", "quotes": [quote(GONE, f"MARK{number}")]})
        for number in range(4)
    ]
    acts = [*writing[:seed], erase(world, GONE), *writing[seed:]]

    answers = [answer for answer in await asyncio.gather(*acts) if answer != 1]

    assert {answer.status_code for answer in answers} <= {200, 422}
    assert "MARK" not in await kept(world)


async def test_heard_twice_it_is_one_version_and_nothing_of_others_changes(world):
    at, other = await persona(world, quote(GONE)), await persona(world, quote(STAYS))

    for _ in range(2):
        await erase(world, GONE, str(uuid4()))

    assert [each["version"] for each in await versions(world, at)] == [2, 1]
    assert [(each["version"], each["quotes"]) for each in await versions(world, other)] == [(1, [quote(STAYS)])]


async def test_what_was_quoted_once_goes_too_and_what_stands_there_now_stays(world):
    at = await persona(world, quote(GONE))
    await write(world, at, quote(STAYS, "now"))

    await erase(world, GONE)

    assert [(each["version"], each["quotes"]) for each in await versions(world, at)] == [
        (2, [quote(STAYS, "now")]),
        (1, []),
    ]
    assert "MARK" not in await kept(world)


async def test_of_many_posts_each_goes_with_all_that_is_quoted_of_it(world):
    ids = [str(uuid4()) for _ in range(1_000)]
    paths = [await persona(world, quote(ids[n]), quote(ids[n], "once more"), quote(ids[-1])) for n in range(3)]

    await erase(world, *ids)

    assert [(await world.get(at))["quotes"] for at in paths] == [[], [], []]


async def test_a_foreign_workspace_keeps_its_own(world):
    at = await persona(world, quote(GONE))

    await erase(world, GONE, workspace="other")

    assert (await world.get(at))["quotes"] == [quote(GONE)]


async def test_at_the_last_version_it_is_taken_out_all_the_same(world, monkeypatch):
    monkeypatch.setattr(limits, "PERSONA_VERSIONS", 1)
    at = await persona(world, quote(GONE))

    await erase(world, GONE)

    assert ((await world.get(at))["quotes"], len(await versions(world, at))) == ([], 2)


async def test_a_persona_that_is_gone_is_no_trouble(world):
    at = await persona(world, quote(GONE))
    await world.send("DELETE", at.removesuffix("/persona"))

    assert await erase(world, GONE) == 1


@pytest.mark.parametrize(
    ("quotes", "left"),
    [
        ([], []),
        ([quote(GONE)], []),
        ([quote(STAYS)], [quote(STAYS)]),
        (
            [quote(GONE, "a"), quote(STAYS, "b"), quote(GONE, "c"), quote(STAYS, "d")],
            [quote(STAYS, "b"), quote(STAYS, "d")],
        ),
    ],
)
def test_quotes_of_other_posts_are_left_in_their_order(quotes, left):
    assert rules.without(quotes, {GONE}) == left
