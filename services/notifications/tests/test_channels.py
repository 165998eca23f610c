"""Channels: what each kind needs, what is shown of it, what changes, and what nobody may see."""

import json

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.resealing import reseal
from opsloop_common.secretbox import SecretBox
from opsloop_notifications.app import SERVICE
from opsloop_notifications.channels.rules import ChannelStatus
from opsloop_notifications.channels.service import SECRET_PURPOSE
from opsloop_notifications.endpoints.rules import without_path

SMS = {"body": {"to": "{{ to }}", "text": "{{ text }}"}, "success_field": "code", "success_values": ["0"]}
BODIES = {
    "slack": {"url": "https://hooks.example.com/services/T/B/X"},
    "teams": {"url": "https://flows.example.com/workflows/1?sig=abc"},
    "feishu": {"url": "https://open.example.com/hook/1", "secret": "signs"},
    "dingtalk": {"url": "https://oapi.example.com/robot/send?access_token=t", "secret": "SECsigns"},
    "wecom": {"url": "https://qyapi.example.com/send?key=k"},
    "web_push": {"subject": "mailto:ops@example.com"},
    "sms_http": {"url": "https://sms.example.com/send", "sms": SMS, "headers": {"Authorization": "Bearer s3cret"}},
}


@pytest.mark.parametrize("kind", BODIES)
async def test_each_kind_is_added_shown_changed_and_thrown_away(reaching, kind):
    made = await reaching.add(kind, **BODIES[kind])
    shown = await reaching.call("GET", f"/v1/channels/{made['id']}")
    listed = await reaching.call("GET", "/v1/channels")
    changed = await reaching.call("PATCH", f"/v1/channels/{made['id']}", {"name": "another", "rate_limit": 3})

    assert shown == made
    assert listed["items"] == [made]
    assert (changed["name"], changed["rate_limit"], changed["status"]) == ("another", 3, "enabled")
    assert changed["channel"] == {"web_push": "push", "sms_http": "sms"}.get(kind, "chat")
    await reaching.call("DELETE", f"/v1/channels/{made['id']}", status=204)
    await reaching.call("GET", f"/v1/channels/{made['id']}", status=404)


@pytest.mark.parametrize("kind", BODIES)
async def test_no_secret_is_shown_or_written_down(reaching, kind):
    made = await reaching.add(kind, **BODIES[kind])
    await reaching.call("PATCH", f"/v1/channels/{made['id']}", {"name": "another"})
    shown = json.dumps([made, await reaching.call("GET", "/v1/channels"), await reaching.call("GET", "/v1/audit")])
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        kept = str((await session.execute(text("SELECT c::text FROM channel AS c"))).all())

    for secret in ("services/T/B/X", "sig=abc", "access_token=t", "key=k", "signs", "s3cret", "hook/1"):
        assert secret not in shown + kept
    assert made["url"] == (None if kind == "web_push" else without_path(BODIES[kind]["url"]))
    assert made["secret"] is (True if "secret" in BODIES[kind] else None)
    assert made["headers"] == ({"authorization": True} if kind == "sms_http" else {})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "slack"}, "/url"),
        ({"kind": "slack", "url": "ftp://example.com"}, "/url"),
        ({"kind": "slack", "url": "http://169.254.169.254/"}, "/url"),
        ({"kind": "slack", "url": "http://10.0.0.1/"}, "/url"),
        ({"kind": "slack", "url": "https://example.com/", "secret": "x"}, "/secret"),
        ({"kind": "feishu", "url": "https://example.com/", "secret": "支付"}, "/secret"),
        ({"kind": "telegram", "url": "https://example.com/"}, "/kind"),
        ({"kind": "web_push"}, "/subject"),
        ({"kind": "web_push", "subject": "ops@example.com"}, "/subject"),
        ({"kind": "web_push", "subject": "mailto:ops@example.com", "url": "https://example.com/"}, "/url"),
        ({"kind": "sms_http", "url": "https://example.com/"}, "/sms"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": {"body": {}}}, "/sms/body"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": {"body": {"a": "x" * 9_000}}}, "/sms/body"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": {"body": {"a": [[[[[["x"]]]]]]}}}, "/sms/body"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": SMS | {"method": "PUT"}}, "/sms/method"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": SMS | {"success_statuses": [302]}}, None),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": SMS | {"id_field": "a..b"}}, "/sms/id_field"),
        ({"kind": "sms_http", "url": "https://example.com/", "sms": SMS, "headers": {"Host": "x"}}, None),
        ({"kind": "slack", "url": "https://example.com/", "rate_limit": 0}, "/rate_limit"),
        ({"kind": "slack", "url": "https://example.com/", "name": ""}, "/name"),
    ],
)
async def test_what_is_refused(reaching, body, pointer):
    problem = await reaching.call("POST", "/v1/channels", {"name": "n"} | body, 422)
    assert pointer is None or problem["errors"][0]["pointer"] == pointer


async def test_a_key_pair_is_made_for_each_and_stays(reaching):
    one, other = [await reaching.add("web_push", **BODIES["web_push"]) for _ in range(2)]
    changed = await reaching.call("PATCH", f"/v1/channels/{one['id']}", {"subject": "https://example.com/push"})

    assert one["public_key"] != other["public_key"]
    assert len(one["public_key"]) == 87
    assert (changed["public_key"], changed["subject"]) == (one["public_key"], "https://example.com/push")
    await reaching.call("PATCH", f"/v1/channels/{one['id']}", {"secret": "x"}, 422)


async def test_what_is_left_out_stays_and_the_same_changes_nothing(reaching):
    made = await reaching.add("sms_http", **BODIES["sms_http"], rate_limit=5)
    path = f"/v1/channels/{made['id']}"
    same = {"url": BODIES["sms_http"]["url"], "headers": {"authorization": True}, "sms": made["sms"]}
    assert await reaching.call("PATCH", path, same) == made
    assert await reaching.call("PATCH", path, {}) == made
    async with reaching.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT version FROM channel")) == 1

    added = await reaching.call("PATCH", path, {"headers": {"x-app": "a"}})
    assert added["headers"] == {"authorization": True, "x-app": True}
    gone = await reaching.call("PATCH", path, {"headers": {"authorization": None}})
    assert gone["headers"] == {"x-app": True}
    assert (await reaching.call("PATCH", path, {"rate_limit": None}))["rate_limit"] is None


async def test_a_secret_is_set_and_taken_away(reaching):
    made = await reaching.add("dingtalk", **BODIES["dingtalk"])
    path = f"/v1/channels/{made['id']}"
    assert (await reaching.call("PATCH", path, {"secret": None}))["secret"] is None
    assert (await reaching.call("PATCH", path, {"secret": "another"}))["secret"] is True
    await reaching.call("PATCH", path, {"headers": {"x-a": "b"}}, 422)
    await reaching.call("PATCH", path, {"url": "http://127.0.0.2:9/x"}, 200)
    await reaching.call("PATCH", path, {"url": "http://192.168.0.1/"}, 422)


async def test_another_workspace_sees_nothing_of_it(reaching):
    made = await reaching.add("slack", **BODIES["slack"])
    foreign = await reaching.service.key(workspace="other")
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        answer = await reaching.service.client.request(method, f"/v1/channels/{made['id']}", json=body, headers=foreign)
        assert answer.status_code == 404
    assert (await reaching.service.client.get("/v1/channels", headers=foreign)).json()["items"] == []


async def test_who_only_reads_changes_nothing(reaching):
    reader = await reaching.service.key("notifications:read")
    answer = await reaching.service.client.post(
        "/v1/channels", json={"kind": "slack", "name": "n"} | BODIES["slack"], headers=reader
    )
    assert answer.status_code == 403
    assert (await reaching.service.client.get("/v1/channels")).status_code == 401


async def test_there_are_only_so_many(reaching, monkeypatch):
    monkeypatch.setattr(limits, "CHANNELS_PER_WORKSPACE", 2)
    for _ in range(2):
        await reaching.add("slack", **BODIES["slack"])
    problem = await reaching.call("POST", "/v1/channels", {"kind": "slack", "name": "n"} | BODIES["slack"], 409)
    assert problem["type"].endswith("too_many")


async def test_who_changed_an_older_version_is_told(reaching):
    made = await reaching.add("slack", **BODIES["slack"])
    path = f"/v1/channels/{made['id']}"
    await reaching.call("PATCH", path, {"status": ChannelStatus.DISABLED})
    answer = await reaching.service.client.patch(path, json={"name": "x"}, headers=reaching.key | {"If-Match": '"1"'})
    assert answer.status_code == 412


async def test_what_is_sealed_is_sealed_anew_with_the_next_key(reaching):
    await reaching.add("feishu", **BODIES["feishu"])
    await reaching.add("web_push", **BODIES["web_push"])
    db = reaching.service.db
    old = reaching.service.runtime.secrets
    new = SecretBox("another secret of the operator's", previous=[old._secret.decode()])
    done = await reseal(db, new, SERVICE.sealed)
    assert (done.resealed, done.unreadable) == (3, 0)
    async with db.transaction(Context(workspace="acme")) as session:
        sealed = list(await session.scalars(text("SELECT sealed_secret FROM channel ORDER BY id")))
    assert new.open(sealed[0], purpose=SECRET_PURPOSE) == b"signs"


async def test_buttons_speak_the_workspaces_language_unless_it_is_said(reaching):
    await reaching.call("PATCH", "/v1/workspace", {"locale": "zh-CN"})
    chinese = await reaching.add("slack", **BODIES["slack"])
    english = await reaching.add("slack", **BODIES["slack"], language="en")
    assert (chinese["language"], english["language"]) == ("zh", "en")
