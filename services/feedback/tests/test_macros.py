"""Macros: reply, note, tags, status, team and assignee in one transaction, all of it or nothing."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common import limits
from opsloop_common.errors import Conflict, Invalid
from opsloop_feedback.macros import rules

PATH = "/v1/macros"
REPLY = {"name": "order?", "texts": [{"locale": "zh", "body": "{{ author.name | 您好 }}，请告知订单号。"}]}
NOTHING = dict.fromkeys(rules.ACTIONS) | {"add_tags": [], "remove_tags": []}
POST = {"status": "open", "team": None, "assignee": "ann", "tags": ["ios", "new"]}


@pytest.mark.parametrize(
    ("macro", "changes"),
    [
        ({"status": "pending"}, {"status": "pending"}),
        ({"status": "open", "assignee": "ann"}, {}),
        ({"team": "payments", "assignee": "ben"}, {"team": "payments", "assignee": "ben"}),
        ({"add_tags": ["refund", "ios"]}, {"tags": ["ios", "new", "refund"]}),
        ({"remove_tags": ["new", "old"]}, {"tags": ["ios"]}),
        ({"add_tags": ["new"], "remove_tags": ["new"]}, {"tags": ["ios", "new"]}),
        ({"add_tags": ["i\u200bos"]}, {}),
        ({}, {}),
    ],
)
def test_what_a_macro_changes(macro, changes):
    found = rules.changes_of(NOTHING | macro, POST)

    assert found == {name: value for name, value in changes.items() if POST[name] != value}


def test_a_post_has_so_many_tags():
    many = POST | {"tags": [str(number) for number in range(50)]}

    assert rules.changes_of(NOTHING | {"add_tags": ["1"]}, many) == {}
    with pytest.raises(Conflict):
        rules.changes_of(NOTHING | {"add_tags": ["x"]}, many)


@pytest.mark.parametrize("name", rules.ACTIONS)
def test_a_macro_does_something(name):
    rules.require_action(NOTHING | {name: ["x"] if name.endswith("tags") else "x"})
    with pytest.raises(Invalid):
        rules.require_action(NOTHING)


@pytest.fixture
async def asks(clockwork):
    """A macro that asks the author for their order, and waits."""
    reply = await clockwork.make("/v1/canned-replies", REPLY)
    clockwork.reply_made = reply
    clockwork.macro = await clockwork.make(
        PATH,
        {
            "name": "询问订单号",
            "canned_reply_id": reply["id"],
            "note": "asked for the order",
            "add_tags": ["waiting"],
            "status": "pending",
            "team": "支付组",
            "assignee": "ann",
        },
    )
    return clockwork


async def applied(clockwork, path, macro=None, expect=200, headers=None):
    url = f"{path}/macros/{(macro or clockwork.macro)['id']}"
    answer = await clockwork.desk.client.post(url, headers=clockwork.desk.agent | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer


async def messages(clockwork, path):
    found = (await clockwork.desk.get(f"{path}/messages"))["items"]
    return sorted((one["kind"], one["body"]) for one in found)


async def test_all_of_it_happens_at_once(asks):
    path = await asks.post(tags=["ios"], author={"name": "王小明"})

    answer = await applied(asks, path)

    shown = await asks.desk.client.get(path, headers=asks.desk.agent)
    assert shown.json() == answer.json()
    assert shown.headers["etag"] == answer.headers["etag"]
    post = answer.json()
    assert (post["status"], post["team"], post["assignee"]) == ("pending", "支付组", "ann")
    assert post["tags"] == ["ios", "waiting"]
    assert post["first_replied_at"] is not None
    assert await messages(asks, path) == [("note", "asked for the order"), ("reply", "王小明，请告知订单号。")]
    types = [event.type for event in await asks.desk.api.events()]
    assert sorted(types) == ["feedback.assigned", "feedback.classified", "feedback.received", "feedback.replied"]


async def test_clocks_go_with_it(asks):
    asks.at("2026-11-25T09:00")
    await asks.policy(first_reply="PT1H", resolution="P1D")
    path = await asks.post("2026-11-25T09:10")

    await applied(asks, path)

    assert await asks.clocks(path) == {"first_reply": "met", "resolution": "paused"}
    assert await asks.due(path) is None


async def test_nothing_of_it_happens_where_a_part_may_not(asks):
    path = await asks.post()
    await asks.change(path, status="closed")
    before = await asks.desk.get(path)
    events = len(await asks.desk.api.events())

    refused = (await applied(asks, path, expect=409)).json()

    assert refused["allowed"] == ["open"]
    assert await asks.desk.get(path) == before
    assert await messages(asks, path) == []
    assert len(await asks.desk.api.events()) == events


async def test_who_has_seen_another_version_does_nothing(asks):
    path = await asks.post()
    seen = (await asks.desk.client.get(path, headers=asks.desk.agent)).headers["etag"]
    await asks.change(path, severity="s1")

    await applied(asks, path, expect=412, headers={"If-Match": seen})
    assert await messages(asks, path) == []

    seen = (await asks.desk.client.get(path, headers=asks.desk.agent)).headers["etag"]
    await applied(asks, path, headers={"If-Match": seen})
    assert len(await messages(asks, path)) == 2


async def test_of_two_who_saw_one_version_one_replies(asks):
    path = await asks.post()
    seen = {"If-Match": (await asks.desk.client.get(path, headers=asks.desk.agent)).headers["etag"]}
    url = f"{path}/macros/{asks.macro['id']}"

    answers = await asyncio.gather(*(asks.desk.client.post(url, headers=asks.desk.agent | seen) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert len(await messages(asks, path)) == 2


async def test_with_one_key_it_is_done_once(asks):
    path = await asks.post()

    answers = [await applied(asks, path, headers={"Idempotency-Key": "once"}) for _ in range(2)]

    assert answers[0].json() == answers[1].json()
    assert len(await messages(asks, path)) == 2


async def test_a_macro_whose_reply_is_gone_does_nothing(asks):
    path = await asks.post()
    await asks.desk.client.delete(f"/v1/canned-replies/{asks.reply_made['id']}", headers=asks.desk.agent)

    refused = await applied(asks, path, expect=409)

    assert refused.json()["detail"] == "The canned reply of this macro is gone."
    assert await messages(asks, path) == []


async def test_a_macro_that_changes_nothing_of_a_post_leaves_it_as_it_is(asks):
    macro = await asks.make(PATH, {"name": "open", "status": "open", "add_tags": ["ios"]})
    path = await asks.post(tags=["ios"])
    await asks.change(path, status="open")
    before = (await asks.desk.client.get(path, headers=asks.desk.agent)).headers["etag"]

    assert (await applied(asks, path, macro)).headers["etag"] == before


async def test_a_macro_is_made_shown_changed_and_thrown_away(asks):
    path = f"{PATH}/{asks.macro['id']}"

    assert await asks.desk.get(path) == asks.macro
    assert (await asks.desk.get(PATH))["items"] == [asks.macro]
    changed = await asks.change(path, status=None, note=None, remove_tags=["new"], name="another")
    assert (changed["status"], changed["note"], changed["remove_tags"]) == (None, None, ["new"])
    assert (changed["team"], changed["canned_reply_id"]) == ("支付组", asks.reply_made["id"])
    assert (await asks.desk.client.delete(path, headers=asks.desk.agent)).status_code == 204
    await asks.desk.get(path, 404)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"status": "new"}, "/status"),
        ({"status": "merged"}, "/status"),
        ({"canned_reply_id": str(uuid4())}, "/canned_reply_id"),
        ({"note": ""}, "/note"),
        ({"add_tags": [str(number) for number in range(51)]}, "/add_tags"),
        ({"assignee": ""}, "/assignee"),
        ({"name": ""}, "/name"),
    ],
)
async def test_what_is_no_macro_is_refused_by_name(asks, fields, pointer):
    body = {"name": "n", "team": "t"}

    assert (await asks.make(PATH, body | fields, 422))["errors"][0]["pointer"] == pointer
    answer = await asks.change(f"{PATH}/{asks.macro['id']}", 422, **fields)
    assert answer["errors"][0]["pointer"] == pointer


async def test_a_macro_that_would_do_nothing_any_more_is_refused(asks):
    macro = await asks.make(PATH, {"name": "n", "team": "t"})

    assert (await asks.make(PATH, {"name": "n"}, 422))["errors"][0]["pointer"] == "/canned_reply_id"
    await asks.change(f"{PATH}/{macro['id']}", 422, team=None)


async def test_a_change_is_held_to_what_was_seen(asks):
    path, headers = f"{PATH}/{asks.macro['id']}", asks.desk.agent
    seen = (await asks.desk.client.get(path, headers=headers)).headers["etag"]
    await asks.change(path, name="another")

    late = await asks.desk.client.patch(path, json={"name": "late"}, headers=headers | {"If-Match": seen})

    assert late.status_code == 412


async def test_the_audit_log_says_which_macro_was_applied(asks):
    path = await asks.post()
    await applied(asks, path)

    log = await asks.desk.client.get("/v1/audit", headers=await asks.desk.api.key("feedback:admin"))

    [entry] = [entry for entry in log.json()["items"] if entry["action"] == "macro.applied"]
    assert entry["subject"] == f"macro/{asks.macro['id']}"
    assert entry["after"]["feedback_id"] == path.rpartition("/")[2]


async def test_a_workspace_has_so_many_and_sees_its_own_alone(asks, monkeypatch):
    monkeypatch.setattr(limits, "MACROS_PER_WORKSPACE", 1)
    path, client = await asks.post(), asks.desk.client
    theirs, reader = await asks.desk.api.key(workspace="other"), await asks.desk.api.key("feedback:read")
    url = f"{path}/macros/{asks.macro['id']}"

    assert (await asks.make(PATH, {"name": "n", "team": "t"}, 409))["type"].endswith("too_many")
    assert (await client.get(f"{PATH}/{asks.macro['id']}", headers=theirs)).status_code == 404
    assert (await client.post(url, headers=theirs)).status_code == 404
    assert (await client.post(url, headers=reader)).status_code == 403
    assert (await client.post(url)).status_code == 401
    assert (await client.post(f"{path}/macros/{uuid4()}", headers=asks.desk.agent)).status_code == 404


@pytest.mark.parametrize(
    ("does", "shown", "said"),
    [
        ({"note": "only a note"}, {"status": "new", "first_replied_at": None}, [("note", "only a note")]),
        ({"add_tags": ["退款"]}, {"tags": ["ios", "退款"]}, []),
        ({"remove_tags": ["IOS", "ios"]}, {"tags": []}, []),
        ({"status": "snoozed"}, {"status": "snoozed"}, []),
        ({"status": "resolved"}, {"status": "resolved"}, []),
        ({"team": "第二组"}, {"team": "第二组", "status": "new"}, []),
        ({"assignee": "ben"}, {"assignee": "ben", "status": "new"}, []),
    ],
)
async def test_each_part_may_stand_alone(clockwork, does, shown, said):
    macro = await clockwork.make(PATH, {"name": "one thing"} | does)
    path = await clockwork.post(tags=["ios"])

    post = (await applied(clockwork, path, macro)).json()

    assert {name: post[name] for name in shown} == shown
    assert await messages(clockwork, path) == said


async def test_applied_twice_it_replies_twice_and_labels_once(asks):
    path = await asks.post()

    await applied(asks, path)
    post = (await applied(asks, path)).json()

    assert post["tags"] == ["waiting"]
    assert len(await messages(asks, path)) == 4


async def test_a_reply_by_a_macro_opens_what_was_new(asks):
    macro = await asks.make(PATH, {"name": "ask", "canned_reply_id": asks.reply_made["id"]})
    path = await asks.post()

    assert (await applied(asks, path, macro)).json()["status"] == "open"


async def test_macros_are_paged_newest_first(asks):
    for number in range(2):
        await asks.make(PATH, {"name": f"macro {number}", "team": "t"})

    first = await asks.desk.get(PATH, limit=2)
    second = await asks.desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [one["name"] for page in (first, second) for one in page["items"]] == ["macro 1", "macro 0", "询问订单号"]


async def test_a_canned_reply_of_another_workspace_is_none(asks):
    theirs = await asks.desk.api.key(workspace="other")
    body = {"name": "n", "canned_reply_id": asks.reply_made["id"]}

    assert (await asks.desk.client.post(PATH, json=body, headers=theirs)).status_code == 422


async def test_a_post_of_another_workspace_is_not_touched_by_ours(asks):
    theirs = await asks.desk.api.key(workspace="other")
    made = (await asks.desk.client.post("/v1/feedback", json={"body": "theirs"}, headers=theirs)).json()

    await applied(asks, f"/v1/feedback/{made['id']}", expect=404)

    shown = (await asks.desk.client.get(f"/v1/feedback/{made['id']}", headers=theirs)).json()
    assert (shown["status"], shown["tags"]) == ("new", [])


async def test_a_macro_that_has_changed_is_not_thrown_away_unseen(asks):
    path, headers = f"{PATH}/{asks.macro['id']}", asks.desk.agent
    seen = (await asks.desk.client.get(path, headers=headers)).headers["etag"]
    await asks.change(path, name="another")

    refused = await asks.desk.client.delete(path, headers=headers | {"If-Match": seen})

    assert (refused.status_code, (await asks.desk.get(path))["name"]) == (412, "another")
    gone = await asks.desk.client.delete(path, headers=headers | {"If-Match": "*"})
    assert gone.status_code == 204
    assert (await asks.desk.get(PATH))["items"] == []
