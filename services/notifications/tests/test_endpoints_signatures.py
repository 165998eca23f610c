"""With what an endpoint's calls are signed: chosen, published, changed with an overlap; and what is kept of it."""

from base64 import b64decode
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt import PyJWKSet
from sqlalchemy import text
from standardwebhooks import Webhook

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.db import Context
from opsloop_common.testing.events import make_event
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.signing.rules import read_secret, verify

GIVEN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def path_of(hook, *rest):
    return "/".join(("/v1/webhooks", hook["id"], *rest))


def of_whpk(public_key):
    return Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))


async def made(acme, **fields):
    return await acme.post("/v1/webhooks", 201, url=acme.url, event_types=["*"], **fields)


async def rotated(acme, hook, **fields):
    return await acme.post(path_of(hook, "rotate-secret"), 200, **fields)


async def published(acme, hook, workspace="acme"):
    """Return what everybody reads: without a credential."""
    answer = await acme.service.client.get(f"/p/{workspace}/webhooks/{hook['id']}/jwks.json")
    assert answer.status_code == 200, answer.text
    return answer


async def keys(acme, hook):
    return (await published(acme, hook)).json()["keys"]


@pytest.fixture
def acme(acme, hook):
    acme.url = hook.url
    return acme


@pytest.fixture
def called(acme, hook, work, until):
    """Let something happen to one endpoint alone, and return the call: its headers and body."""

    async def call(endpoint):
        await acme.service.client.patch(path_of(acme.hook), json={"status": "disabled"}, headers=acme.key)
        before = len(hook.calls)
        async with work(acme.service, dispatch_webhooks):
            await acme.happen(make_event(CampaignPaused(campaign_id=uuid4(), name="n")))
            await until(lambda: len(hook.calls) > before, "a call")
        return hook.calls[before]

    return call


def versions_in(headers):
    return [entry.partition(",")[0] for entry in headers["webhook-signature"].split(" ")]


async def test_what_is_not_said_is_signed_as_before(acme):
    assert (acme.hook["signature"], acme.hook["public_key"]) == ("v1", None)
    assert acme.hook["secret"].startswith("whsec_")
    assert await keys(acme, acme.hook) == []


async def test_v1a_is_verified_by_what_is_published_and_by_nothing_secret(acme, called):
    endpoint = await made(acme, signature="v1a")
    assert endpoint.pop("secret") is None
    assert await acme.get(path_of(endpoint)) == endpoint

    headers, body = await called(endpoint)

    [version], [entry] = versions_in(headers), headers["webhook-signature"].split(" ")
    assert version == "v1a"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    [key] = PyJWKSet.from_dict((await published(acme, endpoint)).json()).keys
    key.key.verify(b64decode(entry.removeprefix("v1a,")), content)  # raises InvalidSignature
    now = int(acme.service.clock.now().timestamp())
    assert verify(of_whpk(endpoint["public_key"]), headers, body, now)
    assert not verify(of_whpk(endpoint["public_key"]), headers, body + b" ", now)
    assert not verify(of_whpk((await made(acme, signature="v1a"))["public_key"]), headers, body, now)


async def test_both_are_verified_each_by_its_own(acme, called):
    endpoint = await made(acme, signature="both", secret=GIVEN)
    assert endpoint["secret"] == GIVEN

    headers, body = await called(endpoint)

    now = int(acme.service.clock.now().timestamp())
    assert versions_in(headers) == ["v1", "v1a"]
    # the published library passes over the version that it does not know
    assert Webhook(GIVEN).sign(headers["webhook-id"], acme.service.clock.now(), body.decode()) in headers[
        "webhook-signature"
    ].split(" ")
    assert verify(read_secret(GIVEN), headers, body, now)
    assert verify(of_whpk(endpoint["public_key"]), headers, body, now)


async def test_from_a_shared_secret_to_a_pair_both_verify_for_a_minute(acme, called):
    endpoint = await made(acme, secret=GIVEN)
    changed = await rotated(acme, endpoint, signature="v1a", grace="PT1M")
    assert (changed["signature"], changed["secret"]) == ("v1a", None)
    old, new = read_secret(GIVEN), of_whpk(changed["public_key"])

    inside, body = await called(endpoint)
    now = int(acme.service.clock.now().timestamp())
    assert versions_in(inside) == ["v1a", "v1"]
    assert [verify(key, inside, body, now) for key in (old, new)] == [True, True]

    acme.service.clock.advance(61)
    after, body = await called(endpoint)
    now = int(acme.service.clock.now().timestamp())
    assert versions_in(after) == ["v1a"]
    assert [verify(key, after, body, now) for key in (old, new)] == [False, True]


async def test_the_old_pair_is_published_until_the_overlap_ends(acme, called):
    endpoint = await made(acme, signature="v1a")
    [first] = await keys(acme, endpoint)
    changed = await rotated(acme, endpoint, grace="PT1H")
    assert changed["signature"] == "v1a"
    second, old = await keys(acme, endpoint)
    assert (old, second["kid"] == first["kid"]) == (first, False)

    headers, body = await called(endpoint)
    now = int(acme.service.clock.now().timestamp())
    for shown in (endpoint, changed):
        assert verify(of_whpk(shown["public_key"]), headers, body, now)

    acme.service.clock.advance(3600)
    assert await keys(acme, endpoint) == [second]
    back = await rotated(acme, endpoint, signature="v1", grace="PT1H")
    assert (back["public_key"], back["secret"][:6]) == (None, "whsec_")
    assert await keys(acme, endpoint) == [second]
    acme.service.clock.advance(3600)
    assert await keys(acme, endpoint) == []


async def test_what_is_published_may_be_kept_for_five_minutes_and_says_nothing_else(acme):
    endpoint = await made(acme, signature="both", description="of the finance team")

    answer = await published(acme, endpoint)

    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    [key] = answer.json()["keys"]
    assert key.keys() == {"kty", "crv", "x", "kid", "use", "alg"}


async def test_nobody_finds_what_is_not_there(acme):
    endpoint = await made(acme, signature="v1a")
    client = acme.service.client
    here, elsewhere, never, nonsense = (
        f"/p/{workspace}/webhooks/{id}/jwks.json"
        for workspace, id in (("acme", endpoint["id"]), ("b", endpoint["id"]), ("acme", uuid4()), ("acme", "x"))
    )

    for path in (elsewhere, never, nonsense):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), path
    assert (await client.get(here)).status_code == 200
    assert (await client.post(here)).status_code == 405
    await client.delete(path_of(endpoint), headers=acme.key)
    assert (await client.get(here)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"signature": "v2"}, "/signature"),
        ({"signature": None}, "/signature"),
        ({"signature": ["v1"]}, "/signature"),
        ({"signature": "v1a", "secret": GIVEN}, "/secret"),
        ({"signature": "both", "secret": "whsk_" + GIVEN}, "/secret"),
    ],
)
async def test_what_cannot_sign_is_refused(acme, fields, pointer):
    endpoint = await made(acme, signature="both")
    bodies = [("/v1/webhooks", {"url": acme.url} | fields)]
    if fields["signature"] is not None:  # of a rotation: as before
        bodies.append((path_of(endpoint, "rotate-secret"), fields))

    for path, body in bodies:
        answer = await acme.service.client.post(path, json=body, headers=acme.key)
        assert (answer.status_code, [e["pointer"] for e in answer.json()["errors"]]) == (422, [pointer]), answer.text
    assert (await acme.get(path_of(endpoint)))["public_key"] == endpoint["public_key"]
    patched = await acme.service.client.patch(path_of(endpoint), json={"signature": "v1"}, headers=acme.key)
    assert patched.status_code == 422  # new keys are shown, so it is not changed beside other things


async def test_a_secret_of_ones_own_goes_on_with_a_pair_beside_it(acme):
    endpoint = await made(acme, secret=GIVEN)

    changed = await rotated(acme, endpoint, signature="both", secret=GIVEN)

    assert (changed["secret"], changed["public_key"][:5]) == (GIVEN, "whpk_")


async def test_private_keys_are_kept_sealed_and_the_log_shows_the_public_one(acme):
    endpoint = await made(acme, signature="both", secret=GIVEN)
    await rotated(acme, endpoint, signature="v1a")

    async with acme.service.db.transaction(Context(workspace="acme")) as session:
        rows = (await session.execute(text("SELECT to_jsonb(webhook)::text FROM webhook"))).scalars().all()
    log = [entry for entry in (await acme.get("/v1/audit"))["items"] if entry["action"] == "webhook.secret_rotated"]

    for row in rows:
        assert "whsec_" not in row
        assert "whsk_" not in row
        assert GIVEN.removeprefix("whsec_") not in row
    [entry] = log
    assert entry["before"]["public_key"] == endpoint["public_key"]
    assert (entry["before"]["signature"], entry["after"]["signature"]) == ("both", "v1a")
    assert GIVEN.removeprefix("whsec_") not in str(log)
    deleted = await acme.service.client.delete(path_of(endpoint), headers=acme.key)
    assert deleted.status_code == 204
