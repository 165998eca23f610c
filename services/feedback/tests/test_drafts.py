"""Drafts: each person's own, kept with their version, gone when they are sent, and seen by nobody else."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.errors import TooMany
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.drafts import rules

WORDS = "还没想好怎么说"


class Writer:
    """Somebody of the desk who writes about a post."""

    def __init__(self, desk, key, post):
        self.desk, self.key, self.path = desk, key, f"/v1/feedback/{post['id']}"

    async def call(self, method, path="/draft", expect=200, headers=None, **options):
        url = f"{self.path}{path}"
        self.answer = await self.desk.client.request(method, url, headers=self.key | (headers or {}), **options)
        assert self.answer.status_code == expect, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def keep(self, body=WORDS, expect=200, headers=None, **fields):
        return await self.call("PUT", expect=expect, headers=headers, json={"body": body} | fields)


@pytest.fixture
async def post(desk):
    return await desk.post(author={"user_id": "u1"})


@pytest.fixture
def ann(desk, post):
    return Writer(desk, desk.agent, post)


@pytest.fixture
async def ben(desk, post):
    return Writer(desk, await desk.api.key("feedback:read", "feedback:write"), post)


def test_a_person_begins_so_much():
    rules.require_place(rules.MOST_OF_A_PERSON - 1)
    with pytest.raises(TooMany):
        rules.require_place(rules.MOST_OF_A_PERSON)


async def test_a_draft_is_kept_changed_and_thrown_away(ann):
    await ann.call("GET", expect=404)
    made = await ann.keep(expect=201)
    first = ann.answer.headers["etag"]
    assert (made["body"], made["kind"], ann.answer.headers["location"]) == (WORDS, "reply", "draft")
    assert await ann.call("GET") == made

    changed = await ann.keep("Now I know.", kind="note", headers={"If-Match": first})
    assert (changed["body"], changed["kind"]) == ("Now I know.", "note")
    await ann.keep("from another window", 412, headers={"If-Match": first})
    await ann.call("DELETE", expect=412, headers={"If-Match": first})

    await ann.call("DELETE", expect=204)
    await ann.call("GET", expect=404)
    await ann.call("DELETE", expect=404)


async def test_each_has_their_own(ann, ben):
    await ann.keep("Ann's", 201)
    await ben.call("GET", expect=404)
    await ben.keep("Ben's", 201)

    await ben.call("DELETE", expect=204)

    assert (await ann.call("GET"))["body"] == "Ann's"


async def test_two_first_ones_at_once_are_a_first_and_a_second(ann):
    asked = [ann.desk.client.put(f"{ann.path}/draft", json={"body": str(n)}, headers=ann.key) for n in range(6)]
    codes = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert codes == [200] * 5 + [201]


@pytest.mark.parametrize("kind", ["reply", "note"])
async def test_it_is_gone_when_it_is_sent_and_stays_when_something_else_is(ann, ben, kind):
    other = {"reply": "note", "note": "reply"}[kind]
    await ann.keep(expect=201, kind=kind)
    await ben.keep("Ben's", 201, kind=kind)
    await ann.call("POST", "/messages", 201, json={"kind": other, "body": "by the way"})
    assert (await ann.call("GET"))["body"] == WORDS

    await ann.call("POST", "/messages", 201, json={"kind": kind, "body": "Done."})

    await ann.call("GET", expect=404)
    assert (await ben.call("GET"))["body"] == "Ben's"


async def test_it_is_gone_when_it_is_said_later_and_stays_when_nothing_was_said(ann):
    await ann.keep(expect=201)
    await ann.call("POST", "/messages", 412, headers={"If-Match": '"99"'}, json={"kind": "reply", "body": "x"})
    await ann.call("GET")

    later = {"body": WORDS, "send_at": "2026-12-01T09:00:00Z"}
    await ann.call("POST", "/scheduled-replies", 201, json=later)
    await ann.call("GET", expect=404)


async def test_nobody_else_meets_it(ann, desk):
    await ann.keep(expect=201)
    seen = (await desk.client.get(ann.path, headers=desk.agent)).headers["etag"]
    partner = await desk.api.key("feedback:submit", source="test")
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")
    for key, expect in ((partner, 403), (stranger, 404)):
        assert (await desk.client.get(f"{ann.path}/draft", headers=key)).status_code == expect
    all_rights = await desk.api.key()
    for path in (ann.path, f"{ann.path}/messages", "/v1/feedback", "/v1/audit"):
        seen_there = await desk.client.get(path, headers=all_rights)
        assert (seen_there.status_code, WORDS in seen_there.text) == (200, False), path
    assert await desk.types() == ["feedback.received"]
    await ann.keep("more")
    assert (await desk.client.get(ann.path, headers=desk.agent)).headers["etag"] == seen


async def test_a_person_has_so_many(ann, desk, monkeypatch):
    monkeypatch.setattr(rules, "MOST_OF_A_PERSON", 1)
    await ann.keep(expect=201)
    await ann.keep("again")
    other = Writer(desk, desk.agent, await desk.post(body="Paying fails."))
    await other.keep(expect=409)
    await other.keep("", 422)
    await Writer(desk, desk.agent, {"id": uuid4()}).keep(expect=404)


async def test_it_goes_with_whom_it_was_written_to(ann):
    await ann.keep(expect=201)
    erased = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    for _ in range(2):
        await deliver(ann.desk.api.db, ERASURES, erased)
    await ann.call("GET", expect=404)


async def test_the_database_knows_its_kinds(ann):
    await ann.keep(expect=201)
    with pytest.raises(IntegrityError):
        async with ann.desk.api.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE feedback_draft SET kind = 'x'"))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"body": ""}, "/body"),
        ({"body": "x" * 50_001}, "/body"),
        ({"body": 7}, "/body"),
        ({"kind": "letter"}, "/kind"),
        ({"actor": "ben"}, "/actor"),
    ],
)
async def test_what_is_malformed_is_refused_by_its_name(ann, fields, pointer):
    refused = await ann.call("PUT", expect=422, json={"body": WORDS} | fields)
    assert [error["pointer"] for error in refused["errors"]] == [pointer]
    await ann.call("GET", expect=404)


async def test_the_longest_is_kept_whole(ann):
    await ann.keep("长" * 50_000, 201)
    assert (await ann.call("GET"))["body"] == "长" * 50_000


async def test_what_changes_nothing_writes_nothing(ann):
    made = await ann.keep(expect=201)
    first = ann.answer.headers["etag"]
    ann.desk.api.clock.advance(60)

    assert (await ann.keep(), ann.answer.headers["etag"]) == (made, first)


async def test_what_is_said_by_a_macro_leaves_it(ann, clockwork):
    macro = await clockwork.make("/v1/macros", {"name": "noted", "note": "Asked for the order."})
    await ann.keep(expect=201, kind="note")

    await ann.call("POST", f"/macros/{macro['id']}")

    assert (await ann.call("GET"))["body"] == WORDS


async def test_one_about_a_merged_post_is_gone_when_the_reply_lands_on_the_target(ann, desk):
    target = await desk.post(body="Paying fails.")
    await ann.keep(expect=201)
    await ann.call("POST", "/merge", json={"into": target["id"]})
    assert (await ann.call("GET"))["body"] == WORDS

    said = await ann.call("POST", "/messages", 201, json={"kind": "reply", "body": "Done."})

    assert said["feedback_id"] == target["id"]
    await ann.call("GET", expect=404)


async def test_who_only_reads_begins_nothing(ann, desk):
    reader = Writer(desk, await desk.api.key("feedback:read"), {"id": ann.path.rsplit("/", 1)[1]})
    await reader.keep(expect=403)
    await reader.call("DELETE", expect=403)
    await reader.call("GET", expect=404)


async def test_who_is_erased_takes_nothing_of_others(ann, desk):
    other = Writer(desk, desk.agent, await desk.post(body="Paying fails.", author={"user_id": "u2"}))
    await other.keep("to u2", 201)
    await deliver(desk.api.db, ERASURES, make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])))
    assert (await other.call("GET"))["body"] == "to u2"


async def test_the_audit_log_says_whose_there_was_and_never_its_words(ann, desk):
    await ann.keep(expect=201)
    await ann.keep("Not like this.", kind="note")
    await ann.call("DELETE", expect=204)

    log = (await desk.client.get("/v1/audit", headers=await desk.api.key("feedback:admin"))).json()["items"]

    told = [entry for entry in log if entry["action"].startswith("feedback_draft.")]
    assert [entry["action"] for entry in told] == [
        f"feedback_draft.{what}" for what in ("deleted", "updated", "created")
    ]
    assert len({entry["actor"] for entry in told}) == 1
    assert (told[1]["before"]["kind"], told[1]["after"]["kind"]) == ("reply", "note")
    assert not [entry for entry in told if WORDS in str(entry) or "Not like this" in str(entry)]


@pytest.mark.parametrize("seen", ['"1"', "*"])
async def test_what_was_thrown_away_elsewhere_is_not_made_again_by_who_saw_it(ann, seen):
    await ann.keep(expect=201)
    await ann.call("DELETE", expect=204)

    await ann.keep("goes on", 412, headers={"If-Match": seen})

    await ann.call("GET", expect=404)


async def test_what_one_person_has_begun_takes_no_place_of_anothers(ann, ben, monkeypatch):
    monkeypatch.setattr(rules, "MOST_OF_A_PERSON", 1)
    await ann.keep(expect=201)
    await ben.keep(expect=201)
    other = Writer(ann.desk, ann.key, await ann.desk.post(body="Paying fails."))
    await other.keep(expect=409)

    await ann.call("DELETE", expect=204)

    await other.keep(expect=201)
