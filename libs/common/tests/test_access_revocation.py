"""What was revoked is over: in the cache, in requests under way, in what the key has made; and guessers hold up nobody."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import create_async_engine

from opsloop_common import limits
from opsloop_common.access import keys, lineage, user_secrets
from opsloop_common.access.keys import Token
from opsloop_common.access.readthrough import ReadThrough
from opsloop_common.access.strangers import Strangers
from opsloop_common.access.tables import api_key
from opsloop_common.access.user_secrets import UserSecret
from opsloop_common.clock import rfc3339
from opsloop_common.db import Context
from opsloop_common.errors import NotFound, StaleVersion, TooManyRequests, Unauthorized
from opsloop_common.testing.http import user_token
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.versions import Precondition


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def make(sample, headers, **body):
    answer = await sample.client.post(
        "/v1/api-keys", json={"name": "a", "scopes": ["sample:admin"]} | body, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(key):
    return {"Authorization": f"Bearer {key['key']}"}


async def status(sample, headers):
    return (await sample.client.get("/v1/notes", headers=headers)).status_code


class Rows:
    """A table whose reads wait until they are told to answer with what they saw when they began."""

    def __init__(self, **rows):
        self.rows = rows
        self.asked = 0
        self.began = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def read(self, key):
        seen = self.rows.get(key)
        self.asked += 1
        self.began.set()
        await self.may_answer.wait()
        return seen

    def cache(self, *, kept=10, now=lambda: 0.0):
        return ReadThrough(self.read, seconds=5.0, kept=kept, strangers=Strangers(monotonic=now), monotonic=now)


async def test_what_was_read_before_a_revocation_is_not_kept_after_it():
    table = Rows(key="living")
    cache = table.cache()

    early = asyncio.create_task(cache.get("key", ""))
    await table.began.wait()
    del table.rows["key"]  # committed
    cache.forget("key")
    table.may_answer.set()

    assert await early is None, "who waited meanwhile is answered anew"
    assert await cache.get("key", "") is None
    assert table.asked == 2


async def test_many_who_wait_cause_one_read_and_one_who_leaves_takes_it_from_nobody():
    table = Rows(key="living")
    cache = table.cache()
    table.may_answer.set()
    assert await cache.get("key", "") == "living"
    cache.forget("key")
    table.may_answer.clear()

    waiting = [asyncio.create_task(cache.get("key", "")) for _ in range(2)]
    table.began.clear()
    await table.began.wait()
    waiting[0].cancel()
    table.may_answer.set()

    assert await waiting[1] == "living"
    assert table.asked == 2


async def test_guessed_names_push_nobody_out():
    table = Rows(key="living")
    table.may_answer.set()
    cache = table.cache(kept=3)
    await cache.get("key", "")

    for number in range(50):
        assert await cache.get(f"guess-{number}", "") is None

    assert await cache.get("key", "") == "living"
    assert await cache.get("guess-49", "") is None
    assert table.asked == 51, "what is not there is not asked for again at once either"


async def test_a_read_that_fails_is_tried_again():
    async def read(key):
        failures.append(key)
        raise OSError if len(failures) == 1 else NotFound("now it is another error")

    failures = []
    cache = ReadThrough(read, seconds=5.0, kept=3, strangers=Strangers())

    for expected in (OSError, NotFound):
        with pytest.raises(expected):
            await cache.get("key", "")


async def test_an_address_that_guesses_is_told_to_wait_and_nobody_else():
    now = 0.0
    table = Rows(key="living", other="living too")
    table.may_answer.set()
    cache = table.cache(kept=10_000, now=lambda: now)
    await cache.get("key", "192.0.2.1")

    for number in range(limits.STRANGER_MISSES_AT_ONCE):
        await cache.get(f"guess-{number}", "192.0.2.1")
    with pytest.raises(TooManyRequests):
        await cache.get("one more", "192.0.2.1")

    assert await cache.get("key", "192.0.2.1") == "living", "who is known here is not a stranger"
    now += 6.0
    assert await cache.get("key", "192.0.2.1") == "living", "also when it is read again"
    assert await cache.get("other", "192.0.2.2") == "living too"
    assert await cache.get("guess", "192.0.2.1") is None, "six seconds later it may guess on, slowly"


async def test_a_guesser_is_counted_apart_from_others_who_come_as_ipv6_too():
    table = Rows(other="living")
    table.may_answer.set()
    cache = table.cache(kept=10_000, now=lambda: 0.0)

    for number in range(limits.STRANGER_MISSES_AT_ONCE):
        await cache.get(f"guess-{number}", "::ffff:192.0.2.1")

    for same in ("::ffff:192.0.2.1", "192.0.2.1"):
        with pytest.raises(TooManyRequests):
            await cache.get("one more", same)
    assert await cache.get("other", "::ffff:192.0.2.2") == "living"


async def test_few_look_ups_of_strangers_run_at_once_and_few_wait():
    table = Rows()
    cache = table.cache()

    guesses = [
        asyncio.create_task(cache.get(f"guess-{number}", f"2001:db8:{number:x}::1"))
        for number in range(limits.STRANGERS_WAITING + limits.STRANGERS_AT_ONCE + 10)
    ]
    await table.began.wait()
    await asyncio.sleep(0)
    asked_at_once = table.asked
    table.may_answer.set()
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)

    assert asked_at_once <= limits.STRANGERS_AT_ONCE
    assert sum(isinstance(outcome, TooManyRequests) for outcome in outcomes) >= 10
    assert outcomes.count(None) >= limits.STRANGERS_WAITING


async def test_a_request_under_way_ends_with_its_key(sample):
    admin = await sample.key("sample:admin")
    made = await make(sample, admin, scopes=["sample:write"])

    async def slowly():
        yield b'{"text": '
        revoked = await sample.client.delete(f"/v1/api-keys/{made['id']}", headers=admin)
        assert revoked.status_code == 204
        yield b'"too late"}'

    answer = await sample.client.post(
        "/v1/notes", content=slowly(), headers=bearer(made) | {"Content-Type": "application/json"}
    )

    assert answer.status_code == 401
    assert (await sample.client.get("/v1/notes", headers=admin)).json()["items"] == []


async def test_a_key_ends_with_the_one_that_made_it(sample):
    admin = await sample.key("sample:admin")
    child = await make(sample, admin)
    grandchild = await make(sample, bearer(child))
    stranger = await make(sample, sample.operator, workspace="acme")
    secret = (await sample.client.post("/v1/user-secrets", json={"name": "s"}, headers=bearer(grandchild))).json()
    by_all = [bearer(child), bearer(grandchild), bearer(stranger)]
    assert [await status(sample, headers) for headers in by_all] == [200, 200, 200]

    shown = (await sample.client.get(f"/v1/api-keys/{grandchild['id']}", headers=admin)).json()
    revoked = await sample.client.delete(f"/v1/api-keys/{child['id']}", headers=admin)

    assert (shown["parent_id"], stranger["parent_id"]) == (child["id"], None)
    assert revoked.status_code == 204
    assert [await status(sample, headers) for headers in by_all] == [401, 401, 200]
    assert await status(sample, admin) == 200, "the maker lives on"
    gone = await sample.client.get(f"/v1/user-secrets/{secret['id']}", headers=admin)
    assert gone.status_code == 404
    for subject in (f"api_key/{grandchild['id']}", f"user_secret/{secret['id']}"):
        entries = (await sample.client.get(f"/v1/audit?subject={subject}", headers=admin)).json()["items"]
        assert [entry["action"].partition(".")[2] for entry in entries] == ["revoked", "created"]


async def test_a_key_does_not_outlive_the_one_that_made_it(sample):
    admin = await sample.key("sample:admin")
    ends, before, after = (rfc3339(sample.clock.now() + timedelta(hours=hours)) for hours in (2, 1, 3))
    parent = await make(sample, admin, expires_at=ends)

    cut, sooner = await make(sample, bearer(parent)), await make(sample, bearer(parent), expires_at=before)
    later = await sample.client.post(
        "/v1/api-keys", json={"name": "a", "scopes": ["sample:read"], "expires_at": after}, headers=bearer(parent)
    )

    assert (cut["expires_at"], sooner["expires_at"]) == (ends, before)
    assert (later.status_code, later.json()["errors"][0]["pointer"]) == (422, "/expires_at")


async def test_a_child_that_is_made_while_its_parent_ends_ends_too(sample):
    admin = await sample.key("sample:admin")
    parent = await make(sample, admin)
    parent_id = Token.parse(parent["key"]).id

    async with sample.db.transaction(Context("acme")) as session:
        child = await keys.create(session, name="late", scopes=["sample:read"], workspace="acme", parent_id=parent_id)
        revoking = asyncio.create_task(sample.client.delete(f"/v1/api-keys/{parent['id']}", headers=admin))
        done, _ = await asyncio.wait([revoking], timeout=0.2)
        assert not done, "the revocation waits for what is being made"

    assert (await revoking).status_code == 204
    assert await status(sample, {"Authorization": f"Bearer {child}"}) == 401
    late = sample.client.post("/v1/api-keys", json={"name": "b", "scopes": ["sample:read"]}, headers=bearer(parent))
    assert (await late).status_code == 401


async def test_a_secret_of_end_users_that_is_made_while_its_maker_ends_ends_too(sample):
    admin = await sample.key("sample:admin")
    maker = await make(sample, admin)
    maker_id = Token.parse(maker["key"]).id

    async def create(session):
        return await user_secrets.create(session, sample.runtime.secrets, name="s", workspace="acme", maker_id=maker_id)

    async with sample.db.transaction(Context("acme", actor=f"key:{maker_id}")) as session:
        secret = await create(session)
        revoking = asyncio.create_task(sample.client.delete(f"/v1/api-keys/{maker['id']}", headers=admin))
        done, _ = await asyncio.wait([revoking], timeout=0.2)
        assert not done, "the revocation waits for what is being made"

    assert (await revoking).status_code == 204
    token = user_token(secret, sample.clock.now(), sub="u-7")
    late = await sample.client.post("/v1/notes", json={"text": "x"}, headers={"Authorization": f"Bearer {token}"})
    assert late.status_code == 401
    with pytest.raises(Unauthorized):
        async with sample.db.transaction(Context("acme", actor=f"key:{maker_id}")) as session:
            await create(session)


async def test_a_secret_of_end_users_does_not_outlive_the_key_that_made_it(sample):
    admin = await sample.key("sample:admin")
    ends = sample.clock.now() + timedelta(hours=2)
    maker = await make(sample, admin, expires_at=rfc3339(ends))
    made = (await sample.client.post("/v1/user-secrets", json={"name": "s"}, headers=bearer(maker))).json()
    secret = UserSecret(made["id"], made["secret"])

    async def add():
        headers = {"Authorization": f"Bearer {user_token(secret, sample.clock.now(), sub='u-7')}"}
        return (await sample.client.post("/v1/notes", json={"text": "x"}, headers=headers)).status_code

    assert (made["expires_at"], await add()) == (rfc3339(ends), 201)
    sample.clock.advance(timedelta(hours=2))
    assert await add() == 401


async def test_the_note_of_a_use_fails_no_request(sample):
    admin = await sample.key("sample:admin")
    first, second = await make(sample, admin), await make(sample, admin)
    owner = create_async_engine(sample.db.url)
    try:
        async with owner.begin() as holding:
            await holding.execute(select(api_key.c.id).where(api_key.c.name == "a").with_for_update())
            async with asyncio.timeout(5):
                assert await status(sample, bearer(first)) == 200, "the row is held by somebody"
        async with owner.begin() as connection:
            await connection.execute(text("REVOKE UPDATE ON api_key FROM sample_app"))
        assert await status(sample, bearer(second)) == 200, "the row cannot be changed at all"
    finally:
        await owner.dispose()


async def test_unknown_keys_beyond_measure_are_429(sample):
    known = await sample.key("sample:read")
    assert await status(sample, known) == 200

    seen = set()
    for _ in range(limits.STRANGER_MISSES_AT_ONCE * 5):  # some come back while we ask
        answer = await sample.client.get("/v1/notes", headers={"Authorization": f"Bearer {Token(uuid4(), '0' * 64)}"})
        seen.add(answer.status_code)
        if answer.status_code == 429:
            break

    assert seen == {401, 429}
    assert answer.headers["retry-after"] == "1"
    assert await status(sample, known) == 200


@pytest.mark.parametrize(("header", "told"), [('"1"', None), (None, None), ('"2"', StaleVersion)])
async def test_a_credential_is_found_again_once_nobody_else_changes_any(sample, header, told):
    """And only then it is held to the version that was seen."""
    async with sample.db.transaction(Context("acme")) as session:
        asked = []

        async def find():
            asked.append(1)
            return (await session.execute(text("SELECT 'acme' AS workspace"))).one()

        locking = lineage.lock_for_change(session, find, expected=Precondition(header))
        if told is None:
            assert (await locking).workspace == "acme"
        else:
            with pytest.raises(told):
                await locking

    assert len(asked) == 2
