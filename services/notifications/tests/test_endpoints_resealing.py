"""A change of the secret key: what endpoints keep sealed is sealed anew, and calls are what they were."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.resealing import Resealed, reseal
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.events import make_event
from opsloop_common.testing.http import TEST_SECRET
from opsloop_notifications.app import SERVICE
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.signing.rules import read_secret, verify

NEW = "the new key of tests, 32 characters at least"


@pytest.fixture
async def endpoint(acme, hook):
    """Return one with all that can be sealed: an old secret too, and a header."""
    made = await acme.post("/v1/webhooks", 201, url=hook.url, event_types=["*"], headers={"X-Team": "on call"})
    await acme.service.client.delete(f"/v1/webhooks/{acme.hook['id']}", headers=acme.key)
    now = await acme.post(f"/v1/webhooks/{made['id']}/rotate-secret", 200, signature="both")
    return now | {"old": made["secret"]}


async def sealed(acme):
    async with acme.service.db.transaction(Context("acme")) as session:
        query = text("SELECT secret, previous_secret, sealed_headers FROM webhook WHERE status = 'enabled'")
        return (await session.execute(query)).one()


@pytest.fixture
def called(acme, hook, work, until):
    async def call():
        before = len(hook.calls)
        async with work(acme.service, dispatch_webhooks):
            await acme.happen(make_event(CampaignPaused(campaign_id=uuid4(), name="n")))
            await until(lambda: len(hook.calls) > before, "a call")
        return hook.calls[before]

    return call


async def test_before_during_and_after_the_change_calls_are_what_they_were(acme, endpoint, called):
    keys = (read_secret(endpoint["secret"]), read_secret(endpoint["old"]))
    kept = await sealed(acme)
    for number, box in enumerate((SecretBox(TEST_SECRET), SecretBox(NEW, previous=[TEST_SECRET]), SecretBox(NEW))):
        acme.service.runtime.secrets = box
        if number == 1:
            found = await reseal(acme.service.db, box, SERVICE.sealed, page=1)
            assert found == Resealed(resealed=3)
            assert await reseal(acme.service.db, box, SERVICE.sealed) == Resealed(unchanged=3)

        headers, body = await called()

        now = int(acme.service.clock.now().timestamp())
        assert [verify(key, headers, body, now) for key in keys] == [True, True]
        assert headers["x-team"] == "on call"
    assert not set(kept) & set(await sealed(acme))


async def test_to_its_owner_nothing_changed(acme, endpoint):
    path = f"/v1/webhooks/{endpoint['id']}"
    before, log = await acme.get(path), await acme.get("/v1/audit")

    await reseal(acme.service.db, SecretBox(NEW, previous=[TEST_SECRET]), SERVICE.sealed)

    assert (await acme.get(path), await acme.get("/v1/audit")) == (before, log)
    answer = await acme.service.client.patch(path, json={"description": "x"}, headers=acme.key | {"If-Match": '"2"'})
    assert answer.status_code == 200


async def test_while_both_keys_hold_an_endpoint_is_changed_like_any_other(acme, endpoint, called):
    acme.service.runtime.secrets = SecretBox(NEW, previous=[TEST_SECRET])
    await acme.change(endpoint, headers={"X-Team": True, "X-More": "1"})
    rotated = await acme.post(f"/v1/webhooks/{endpoint['id']}/rotate-secret", 200)

    headers, body = await called()

    now = int(acme.service.clock.now().timestamp())
    assert (headers["x-team"], headers["x-more"]) == ("on call", "1")
    assert [verify(read_secret(s), headers, body, now) for s in (rotated["secret"], endpoint["secret"])] == [True, True]
    # what was sealed since is of the new key: only the old secret is left to do
    assert await reseal(acme.service.db, acme.service.runtime.secrets, SERVICE.sealed) == Resealed(1, 2)
