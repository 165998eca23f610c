"""What a channel keeps: the parts of its kind through every change, secrets out of sight and under the next key, its own workspace."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.resealing import reseal
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.channels.queries import get_channel
from opsloop_notifications.channels.service import enabled_ways, setup_of, setups
from opsloop_notifications.channels.slice import SEALED
from services.notifications.tests.test_channels import BODIES, SMS

ACME = Context(workspace="acme")


async def called_with(reaching, channel, secrets=None):
    async with reaching.service.db.transaction(ACME) as session:
        kept = await get_channel(session, UUID(channel["id"]))
        return setup_of(kept, secrets or reaching.service.runtime.secrets)


async def audited(reaching, action):
    log = (await reaching.call("GET", "/v1/audit"))["items"]
    return [entry for entry in log if entry["action"] == action]


@pytest.mark.parametrize("kind", BODIES)
async def test_each_kind_is_called_with_what_was_given(reaching, kind):
    setup = await called_with(reaching, await reaching.add(kind, **BODIES[kind]))

    assert (setup.kind, setup.url) == (kind, BODIES[kind].get("url", ""))
    assert dict(setup.headers) == ({"authorization": "Bearer s3cret"} if kind == "sms_http" else {})
    assert setup.settings["subject"] == BODIES[kind].get("subject")
    if kind != "web_push":  # whose secret is made here
        assert setup.secret == BODIES[kind].get("secret")


@pytest.mark.parametrize("kind", BODIES)
async def test_no_change_takes_away_what_its_kind_needs(reaching, kind):
    needed = {"web_push": ["subject"], "sms_http": ["url", "sms"]}.get(kind, ["url"])
    made = await reaching.add(kind, **BODIES[kind])
    for name in needed:
        problem = await reaching.call("PATCH", f"/v1/channels/{made['id']}", {name: None}, 422)
        assert problem["errors"][0]["pointer"] == f"/{name}"

    assert await reaching.call("GET", f"/v1/channels/{made['id']}") == made


@pytest.mark.parametrize(
    ("kind", "changes", "pointer"),
    [
        ("slack", {"secret": "x"}, "/secret"),
        ("slack", {"sms": SMS}, "/sms"),
        ("slack", {"subject": "mailto:ops@example.com"}, "/subject"),
        ("slack", {"headers": {"x-app": "a"}}, "/headers"),
        ("slack", {"url": "https://hooks.example.com:99999/"}, "/url"),
        ("slack", {"url": "https://other.example.com/…"}, "/url"),
        ("slack", {"url": "https://[127.0.0.1]/"}, "/url"),
        ("slack", {"status": "paused"}, "/status"),
        ("slack", {"language": "fr"}, "/language"),
        ("slack", {"name": None}, "/name"),
        ("slack", {"rate_limit": 1_001}, "/rate_limit"),
        ("slack", {"kind": "teams"}, "/kind"),
        ("web_push", {"url": "https://example.com/"}, "/url"),
        ("web_push", {"secret": True}, "/secret"),
        ("web_push", {"subject": "javascript:alert(1)"}, "/subject"),
        ("sms_http", {"secret": "x"}, "/secret"),
        ("sms_http", {"headers": {"x-new": True}}, "/headers/x-new"),
    ],
)
async def test_a_change_that_is_refused_names_its_field_and_changes_nothing(reaching, kind, changes, pointer):
    made = await reaching.add(kind, **BODIES[kind])
    problem = await reaching.call("PATCH", f"/v1/channels/{made['id']}", changes, 422)

    assert problem["errors"][0]["pointer"] == pointer
    assert await reaching.call("GET", f"/v1/channels/{made['id']}") == made
    assert await audited(reaching, "channel.updated") == []


@pytest.mark.parametrize("kind", ["feishu", "dingtalk", "slack", "sms_http"])
async def test_what_was_shown_is_taken_back_and_changes_nothing(reaching, kind):
    made = await reaching.add(kind, **BODIES[kind])
    before = await called_with(reaching, made)
    shown = {name: made[name] for name in ("name", "url", "secret", "headers", "sms", "language", "status")}

    assert await reaching.call("PATCH", f"/v1/channels/{made['id']}", shown) == made
    assert await called_with(reaching, made) == before
    assert await audited(reaching, "channel.updated") == []


async def test_another_path_at_the_same_host_is_another_address_though_it_is_shown_alike(reaching):
    made = await reaching.add("slack", **BODIES["slack"])
    moved = "https://hooks.example.com/services/T/B/Y"
    changed = await reaching.call("PATCH", f"/v1/channels/{made['id']}", {"url": moved})

    assert changed["url"] == made["url"] == "https://hooks.example.com/…"
    assert (await called_with(reaching, made)).url == moved
    assert len(await audited(reaching, "channel.updated")) == 1


async def test_a_secret_of_true_gives_none_to_who_has_none(reaching):
    made = await reaching.add("feishu", url="https://open.example.com/hook/1")
    assert (await reaching.call("PATCH", f"/v1/channels/{made['id']}", {"secret": True}))["secret"] is None
    assert (await called_with(reaching, made)).secret is None


async def test_the_audit_log_says_that_secrets_changed_and_never_to_what(reaching):
    made = await reaching.add("dingtalk", **BODIES["dingtalk"])
    sms = await reaching.add("sms_http", **BODIES["sms_http"])
    moved = {"url": "https://oapi.example.com/robot/send?access_token=next", "secret": "SECnext", "name": "Renamed"}
    await reaching.call("PATCH", f"/v1/channels/{made['id']}", moved)
    await reaching.call("PATCH", f"/v1/channels/{sms['id']}", {"headers": {"authorization": "Bearer n3xt"}})
    await reaching.call("DELETE", f"/v1/channels/{made['id']}", status=204)

    log = [await audited(reaching, f"channel.{action}") for action in ("created", "updated", "deleted")]
    written = json.dumps(log)
    assert [len(entries) for entries in log] == [2, 2, 1]
    assert "(secret)" in json.dumps(log[1])
    for secret in ("access_token", "SECsigns", "SECnext", "s3cret", "n3xt", "Renamed"):
        assert secret not in written


async def test_with_the_next_key_alone_each_channel_is_called_as_before(reaching):
    made = [await reaching.add(kind, **BODIES[kind]) for kind in BODIES]
    before = [await called_with(reaching, each) for each in made]
    old, words = reaching.service.runtime.secrets, "another secret of the operator's"
    done = await reseal(reaching.service.db, SecretBox(words, previous=[old._secret.decode()]), SEALED, page=2)
    again = await reseal(reaching.service.db, SecretBox(words), SEALED)

    assert [await called_with(reaching, each, SecretBox(words)) for each in made] == before
    assert (done.resealed, done.unreadable) == (10, 0)  # six addresses, three secrets, headers
    assert (again.resealed, again.unchanged, again.unreadable) == (0, 10, 0)


async def test_of_several_the_oldest_that_is_enabled_is_the_way(reaching):
    old, new = await reaching.add("slack", **BODIES["slack"]), await reaching.add("teams", **BODIES["teams"])

    async def way():
        async with reaching.service.db.transaction(ACME) as session:
            known = await setups(session, ["acme"], reaching.service.runtime.secrets)
            ways = await enabled_ways(session, ["acme"])
        return str(ways.get(("acme", "chat"))), {str(id) for id in known}

    assert await way() == (old["id"], {old["id"], new["id"]})
    await reaching.call("PATCH", f"/v1/channels/{old['id']}", {"status": "disabled"})
    assert await way() == (new["id"], {new["id"]})
    await reaching.call("PATCH", f"/v1/channels/{new['id']}", {"status": "disabled"})
    assert await way() == ("None", set())
    await reaching.call("PATCH", f"/v1/channels/{old['id']}", {"status": "enabled"})
    assert await way() == (old["id"], {old["id"]})


async def test_they_are_listed_by_pages_newest_first(reaching):
    made = [await reaching.add("slack", **BODIES["slack"] | {"name": f"room {number}"}) for number in range(5)]
    found, cursor = [], ""
    while cursor is not None:
        page = await reaching.call("GET", f"/v1/channels?limit=2{cursor and f'&cursor={cursor}'}")
        assert len(page["items"]) <= 2
        found, cursor = found + page["items"], page["next_cursor"]

    assert found == made[::-1]
    await reaching.call("GET", "/v1/channels?cursor=forged", status=422)


async def test_a_place_is_free_again_and_each_workspace_has_its_own(reaching, monkeypatch):
    monkeypatch.setattr(limits, "CHANNELS_PER_WORKSPACE", 1)
    made, body = await reaching.add("slack", **BODIES["slack"]), {"kind": "slack", "name": "n"} | BODIES["slack"]
    await reaching.call("PATCH", f"/v1/channels/{made['id']}", {"status": "disabled"})
    await reaching.call("POST", "/v1/channels", body, 409)  # a disabled one takes its place too
    other = await reaching.service.key(workspace="other")
    assert (await reaching.service.client.post("/v1/channels", json=body, headers=other)).status_code == 201
    await reaching.call("DELETE", f"/v1/channels/{made['id']}", status=204)
    await reaching.call("POST", "/v1/channels", body, 201)


async def test_an_older_version_is_not_thrown_away_and_the_present_one_is(reaching):
    path = f"/v1/channels/{(await reaching.add('slack', **BODIES['slack']))['id']}"
    tag = (await reaching.service.client.get(path, headers=reaching.key)).headers["ETag"]
    changed = await reaching.service.client.patch(path, json={"name": "x"}, headers=reaching.key | {"If-Match": tag})
    stale = await reaching.service.client.delete(path, headers=reaching.key | {"If-Match": tag})
    fresh = {"If-Match": changed.headers["ETag"]}

    assert (changed.status_code, stale.status_code) == (200, 412)
    assert (await reaching.service.client.delete(path, headers=reaching.key | fresh)).status_code == 204


@pytest.mark.parametrize(
    "wrong", ["kind = 'telegram'", "status = 'paused'", "language = 'fr'", "rate_limit = 0", "public_key = 'k'"]
)
async def test_the_database_holds_a_channel_to_what_it_may_be(reaching, wrong):
    await reaching.add("slack", **BODIES["slack"])
    with pytest.raises(IntegrityError):
        async with reaching.service.db.transaction(ACME) as session:
            await session.execute(text(f"UPDATE channel SET {wrong}"))
