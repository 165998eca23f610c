"""The HTTP door of campaigns: shapes, refusals, lists, strangers."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from opsloop_common.testing.ids import BAD_IDS, GOOD_IDS

BODY = {
    "name": "Sorry",
    "audience": {"user_ids": ["u1", "u2", "u1"]},
    "messages": [{"channel": "email", "locale": "zh-CN", "subject": "抱歉", "body": "我们正在处理。\n谢谢。"}],
}


async def test_a_draft_is_written_and_read_back(world):
    answer = await world.call("POST", "/v1/campaigns", BODY | {"schedule_at": "2026-11-23T09:00:00+08:00"})

    assert answer.status_code == 201
    created = answer.json()
    assert answer.headers["location"] == f"campaigns/{created['id']}"
    assert answer.headers["etag"] == '"1"'
    assert created["status"] == "draft"
    assert created["audience"] == {"user_ids": ["u1", "u2"]}
    assert created["audience_size"] == 2
    assert created["messages"] == BODY["messages"]
    assert created["schedule_at"] == "2026-11-23T01:00:00Z"
    assert created["trigger"] is None
    read = await world.call("GET", f"/v1/campaigns/{created['id']}")
    assert read.json() == created
    assert read.headers["etag"] == '"1"'


async def test_a_name_is_enough_for_a_draft_but_not_for_approval(world):
    id = (await world.ok("POST", "/v1/campaigns", {"name": "Later"}))["id"]

    preview = await world.ok("GET", f"/v1/campaigns/{id}/preview")
    refused = await world.put(id, "pending_approval")

    assert [problem["pointer"] for problem in preview["problems"]] == ["/audience/user_ids", "/messages"]
    assert refused.status_code == 409
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/audience/user_ids", "/messages"]


def _message(**fields):
    return [{"channel": "email", "locale": "en", "subject": "s", "body": "b"} | fields]


MALFORMED = [
    ({"name": ""}, "/name"),
    ({"name": "x" * 201}, "/name"),
    ({"name": None}, "/name"),
    ({"name": 5}, "/name"),
    ({"unknown": 1}, "/unknown"),
    ({"audience": {"user_ids": [""]}}, "/audience/user_ids/0"),
    ({"audience": {"user_ids": [7]}}, "/audience/user_ids/0"),
    ({"audience": {"user_ids": "u1"}}, "/audience/user_ids"),
    ({"audience": {"segment": "all"}}, "/audience/segment"),
    ({"audience": {}}, "/audience/user_ids"),
    ({"audience": {"user_ids": ["u1", "{{ event.data.author.user_id }}"]}}, "/audience/user_ids"),
    ({"name": "{{ event.data.kpi }}"}, "/name"),
    ({"nmae": "x"}, "/nmae"),
    ({"audience": {"user_ids": [], "user_id": "u1"}}, "/audience/user_id"),
    ({"audience": {"user_ids": [f"u{n}" for n in range(100_001)]}}, "/audience/user_ids"),
    ({"messages": _message(channel="sms")}, "/messages/0/channel"),
    ({"messages": _message(locale="english please")}, "/messages/0/locale"),
    ({"messages": _message(subject="")}, "/messages/0/subject"),
    ({"messages": _message(subject="a\r\nBcc: b")}, "/messages/0/subject"),
    ({"messages": _message(body="")}, "/messages/0/body"),
    ({"messages": _message(body="x" * 20_001)}, "/messages/0/body"),
    ({"messages": _message(body="Dear {{ name }}")}, "/messages/0/body"),
    ({"messages": _message() + _message(locale="de", subject="{% if x %}")}, "/messages/1/subject"),
    ({"messages": _message(body="{{{ name }}}")}, "/messages/0/body"),
    ({"messages": _message() + _message(locale="EN")}, "/messages"),
    ({"messages": [_message(locale=f"en-{n:02}", body="長" * 15_000)[0] for n in range(3)]}, "/messages"),
    ({"schedule_at": "tomorrow"}, "/schedule_at"),
    ({"schedule_at": "2026-11-23T09:00:00"}, "/schedule_at"),
]


async def test_malformed_campaigns_are_refused(world):
    id = await world.draft()
    for change, pointer in MALFORMED:
        created = await world.call("POST", "/v1/campaigns", BODY | change)
        patched = await world.call("PATCH", f"/v1/campaigns/{id}", change)

        assert (created.status_code, patched.status_code) == (422, 422), pointer
        assert created.json()["errors"][0]["pointer"] == pointer
        assert patched.json()["errors"][0]["pointer"] == pointer


async def test_an_audience_takes_the_ids_that_can_be_addressed(world):
    taken = await world.call("POST", "/v1/campaigns", BODY | {"audience": {"user_ids": list(GOOD_IDS)}})
    assert taken.json()["audience"] == {"user_ids": list(GOOD_IDS)}

    for id in BAD_IDS:
        refused = await world.call("POST", "/v1/campaigns", BODY | {"audience": {"user_ids": ["u1", id]}})
        assert [error["pointer"] for error in refused.json()["errors"]] == ["/audience/user_ids/1"], repr(id)


async def test_the_largest_audience_is_taken_and_launched(world):
    crowd = [f"{n:05}" for n in range(100_000)]

    id = await world.launched(crowd)

    results = await world.results(id)
    assert results["by_status"]["pending"] == 100_000


async def test_a_change_needs_the_version_that_was_seen(world):
    id = await world.draft()

    first = await world.call("PATCH", f"/v1/campaigns/{id}", {"name": "B"}, If_Match='"1"')
    stale = await world.call("PATCH", f"/v1/campaigns/{id}", {"name": "C"}, If_Match='"1"')
    any_version = await world.call("PATCH", f"/v1/campaigns/{id}", {"schedule_at": None}, If_Match="*")
    stale_delete = await world.call("DELETE", f"/v1/campaigns/{id}", If_Match='"1"')

    assert first.headers["etag"] == '"2"'
    assert stale.status_code == stale_delete.status_code == 412
    # nothing differed, so it is the same version
    assert any_version.headers["etag"] == '"2"'


async def test_a_draft_is_deleted_and_nothing_else(world):
    id = await world.draft()
    other = await world.draft()
    await world.move(other, "pending_approval")

    assert (await world.call("DELETE", f"/v1/campaigns/{id}")).status_code == 204
    refused = await world.call("DELETE", f"/v1/campaigns/{other}")

    assert (await world.call("GET", f"/v1/campaigns/{id}")).status_code == 404
    assert refused.status_code == 409
    assert refused.json()["allowed"]


async def test_a_finished_campaign_is_written_again(world):
    id = await world.launched(["u1"])

    answer = await world.call("POST", f"/v1/campaigns/{id}/duplicate", by=world.approver)

    copy = answer.json()
    assert answer.status_code == 201
    assert copy["id"] != id
    assert (copy["status"], copy["audience"], copy["started_at"]) == ("draft", {"user_ids": ["u1"]}, None)
    assert copy["author"] != (await world.ok("GET", f"/v1/campaigns/{id}"))["author"]
    await world.move(copy["id"], "pending_approval")
    third = await world.api.key("campaigns:write", name="third")
    assert (await world.put(copy["id"], "approved", by=third)).status_code == 204
    await world.move(copy["id"], "running")
    await world.run_due()
    # a message id of its own: who was told by the first is told by the second
    assert len({request.data["message_id"] for request in await world.requested()}) == 2


async def test_a_repeated_request_writes_one_campaign(world):
    first = await world.call("POST", "/v1/campaigns", BODY, Idempotency_Key="k1")
    again = await world.call("POST", "/v1/campaigns", BODY, Idempotency_Key="k1")

    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await world.ok("GET", "/v1/campaigns"))["items"]) == 1


async def test_lists_are_narrowed_and_paged(world):
    ids = []
    for name in ("Spring sale", "春季促销", "Autumn 100% sale", "Apology"):
        ids.append(await world.draft(name=name))
        world.api.clock.advance(timedelta(hours=1))
    await world.move(ids[3], "pending_approval")

    async def listed(query: str) -> list[str]:
        return [item["id"] for item in (await world.ok("GET", f"/v1/campaigns?{query}"))["items"]]

    assert await listed("") == ids[::-1]
    assert await listed("text=SALE") == [ids[2], ids[0]]
    assert await listed("text=促销") == [ids[1]]
    # what nobody sees makes no difference: U+200B, U+00AD
    assert await listed("text=促%E2%80%8B销") == [ids[1]]
    assert await listed("text=sa%C2%ADle") == [ids[2], ids[0]]
    assert await listed("text=%25") == [ids[2]]
    assert await listed("status=pending_approval") == [ids[3]]
    assert await listed("status=pending_approval&status=draft&text=a") == [ids[3], ids[2], ids[0]]
    assert await listed("created_from=2026-11-22T09:00:00Z&created_to=2026-11-22T10:00:00Z") == [ids[2], ids[1]]
    assert await listed(f"playbook_id={uuid4()}") == []
    first = await world.ok("GET", "/v1/campaigns?limit=3")
    await world.draft(name="Meanwhile")
    rest = await world.ok("GET", f"/v1/campaigns?limit=3&cursor={first['next_cursor']}")
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next_cursor"] is None
    for query in (
        "status=lost",
        "limit=0",
        "cursor=x",
        "created_from=yesterday",
        "playbook_id=7",
        "text=",
        "text=%E2%80%8B",
    ):
        assert (await world.call("GET", f"/v1/campaigns?{query}")).status_code == 422, query


async def test_a_preview_shows_what_would_go_out(world):
    id = await world.draft([f"u{n}" for n in range(501)])

    preview = await world.ok("GET", f"/v1/campaigns/{id}/preview")

    assert (preview["audience_size"], preview["chunks"], preview["problems"]) == (501, 2, [])
    assert [message["locale"] for message in preview["messages"]] == ["en", "zh-CN"]


async def test_strangers_see_nothing(world):
    id = await world.launched(["u1"])
    playbook = await world.ok(
        "POST",
        "/v1/playbooks",
        {
            "name": "p",
            "on": "kpi.breached",
            "launch": {"name": "l", "audience": {"user_ids": ["u"]}, "messages": _message()},
        },
    )
    stranger = await world.api.key(workspace="other")
    gone = [
        ("GET", f"/v1/campaigns/{id}", None),
        ("PATCH", f"/v1/campaigns/{id}", {"name": "mine"}),
        ("DELETE", f"/v1/campaigns/{id}", None),
        ("PUT", f"/v1/campaigns/{id}/status", {"status": "cancelled"}),
        ("POST", f"/v1/campaigns/{id}/duplicate", None),
        ("GET", f"/v1/campaigns/{id}/preview", None),
        ("GET", f"/v1/campaigns/{id}/recipients", None),
        ("GET", f"/v1/campaigns/{id}/results", None),
        ("GET", f"/v1/playbooks/{playbook['id']}", None),
        ("PATCH", f"/v1/playbooks/{playbook['id']}", {"name": "mine"}),
        ("DELETE", f"/v1/playbooks/{playbook['id']}", None),
        ("GET", f"/v1/playbooks/{playbook['id']}/runs", None),
        ("POST", f"/v1/playbooks/{playbook['id']}/test", {"data": {}}),
        ("PUT", f"/v1/playbooks/{playbook['id']}/approval", {"status": "approved"}),
        ("POST", f"/v1/playbooks/{playbook['id']}/cancel-waiting", None),
    ]

    for method, path, body in gone:
        foreign = await world.call(method, path, body, by=stranger)
        unknown = await world.call(method, path.replace(id, "not-an-id").replace(playbook["id"], str(uuid4())), body)
        unsigned = await world.api.client.request(method, path, json=body)
        assert (foreign.status_code, unknown.status_code, unsigned.status_code) == (404, 404, 401), path
        if method != "GET":
            assert (await world.call(method, path, body, by=world.reader)).status_code == 403, path
    assert (await world.ok("GET", "/v1/campaigns", by=stranger))["items"] == []
    assert (await world.ok("GET", "/v1/playbooks", by=stranger))["items"] == []
    assert (await world.call("POST", "/v1/campaigns", BODY, by=world.reader)).status_code == 403
    assert await world.status(id) == "running"


async def test_of_a_message_nothing_is_said_before_it_is_asked_for(world):
    id = await world.draft(["u1"])

    await world.move(id, "pending_approval", "cancelled")

    assert await world.events("message.changed") == []
    assert len(await world.events("campaign.cancelled")) == 1
