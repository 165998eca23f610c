"""Canned replies: what they say to whom, in which language, and what is refused."""

from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common import limits
from opsloop_common.errors import Invalid
from opsloop_feedback.canned_replies import rules

PATH = "/v1/canned-replies"
THANKS = {
    "name": "感谢",
    "texts": [
        {"locale": "zh-CN", "body": "{{ author.name | 您好 }}，感谢您的反馈 #{{ number }}。"},
        {"locale": "en", "body": "Dear {{author.name|customer}}, thank you for #{{number}}."},
    ],
}


def text(locale, body="x"):
    return {"locale": locale, "body": body}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["zh-CN"], "zh-CN"),
        (["ZH-cn"], "zh-CN"),
        (["zh-TW", "en"], "zh-CN"),
        (["zh"], "zh-CN"),
        (["fr", "en-GB"], "en"),
        ([None, "en"], "en"),
        (["fr", "de"], "zh-CN"),
        ([], "zh-CN"),
        (["pt-BR"], "pt-PT"),
    ],
)
def test_the_text_of_the_first_wanted_language_that_there_is(wanted, found):
    assert rules.text_for([text("zh-CN"), text("en"), text("pt-PT")], wanted)["locale"] == found


def test_the_same_place_counts_more_than_the_same_language():
    assert rules.text_for([text("zh-CN"), text("zh-TW")], ["zh-TW"])["locale"] == "zh-TW"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Hi {{ author.name }}!", "Hi 王小明!"),
        ("Hi {{author.name|there}}!", "Hi 王小明!"),
        ("About {{ title | your post }}", "About your post"),
        ("About {{ title }}.", "About ."),
        ("#{{number}} #{{ number }}", "#7 #7"),
        ("{ author.name }", "{ author.name }"),
        ("100 %", "100 %"),
    ],
)
def test_places_are_filled(body, said):
    assert rules.filled(body, {"author.name": "王小明", "number": "7", "title": None}) == said


def test_what_is_put_in_is_not_read_again():
    values = {"author.name": "{{ author.user_id }}", "author.user_id": "secret"}

    assert rules.filled("Hi {{ author.name }}", values) == "Hi {{ author.user_id }}"


@given(st.text(max_size=200), st.text(alphabet="{}| anumber.", max_size=60))
def test_whatever_an_author_is_called_stands_as_it_is(name, around):
    rules_text = around.replace("{{", "").replace("}}", "") + " {{ author.name | x }}"

    assert rules.filled(rules_text, {"author.name": name}).endswith(name or "x")


def test_a_reply_is_no_longer_than_one_may_be():
    with pytest.raises(Invalid):
        rules.filled("{{ author.name }}" * 300, {"author.name": "n" * 200})


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ("{{ author.nme }}", "author.name"),
        ("{{ author.email }}", ""),
        ("{{ }}", ""),
        ("{{ author.name", ""),
        ("author.name }}", ""),
        ("{{ {{ number }} }}", ""),
        ("{{ number | {x} }}", ""),
    ],
)
def test_a_place_that_a_post_does_not_have_is_refused(body, hint):
    with pytest.raises(Invalid) as refused:
        rules.require_places([text("en", "fine {{ number }}"), text("zh", body)])

    [error] = refused.value.errors
    assert error.pointer == "/texts/1/body"
    assert hint in error.detail


async def test_a_canned_reply_is_made_shown_changed_and_thrown_away(clockwork):
    made = await clockwork.make(PATH, THANKS)
    path = f"{PATH}/{made['id']}"

    assert made["texts"] == THANKS["texts"]
    assert await clockwork.desk.get(path) == made
    assert (await clockwork.desk.get(PATH))["items"] == [made]
    changed = await clockwork.change(path, name="thanks", texts=[text("en", "Thanks!")])
    assert (changed["name"], changed["texts"]) == ("thanks", [text("en", "Thanks!")])
    assert (await clockwork.desk.client.delete(path, headers=clockwork.desk.agent)).status_code == 204
    await clockwork.desk.get(path, 404)


@pytest.mark.parametrize(
    ("post", "said"),
    [
        ({"locale": "zh-CN", "author": {"name": "王小明"}}, "王小明，感谢您的反馈 #{number}。"),
        ({"locale": "en-GB", "author": {"name": "Ann"}}, "Dear Ann, thank you for #{number}."),
        ({"body": "The export fails when I open it."}, "Dear customer, thank you for #{number}."),
        ({"body": "导出报表时失败了"}, "您好，感谢您的反馈 #{number}。"),
        ({"locale": "fr", "body": "导出报表时失败了"}, "您好，感谢您的反馈 #{number}。"),
    ],
)
async def test_authors_are_spoken_to_in_their_language(clockwork, post, said):
    reply = await clockwork.make(PATH, THANKS)
    made = await clockwork.desk.post(**post)

    shown = await clockwork.desk.get(f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}")

    assert shown["body"] == said.format(number=made["number"])
    assert (await clockwork.desk.get(f"/v1/feedback/{made['id']}/messages"))["items"] == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"texts": []}, "/texts"),
        ({"texts": [text("en"), text("EN")]}, "/texts"),
        ({"texts": [text("english!")]}, "/texts/0/locale"),
        ({"texts": [text("en", "")]}, "/texts/0/body"),
        ({"texts": [text("en", "x" * 10_001)]}, "/texts/0/body"),
        ({"texts": [text("en", "{{ nothing }}")]}, "/texts/0/body"),
        ({"name": ""}, "/name"),
    ],
)
async def test_what_is_no_canned_reply_is_refused_by_name(clockwork, fields, pointer):
    assert (await clockwork.make(PATH, THANKS | fields, 422))["errors"][0]["pointer"] == pointer
    made = await clockwork.make(PATH, THANKS)

    answer = await clockwork.change(f"{PATH}/{made['id']}", 422, **fields)

    assert answer["errors"][0]["pointer"] == pointer
    assert (await clockwork.desk.get(PATH))["items"] == [made]


async def test_a_change_is_held_to_what_was_seen(clockwork):
    path, headers = f"{PATH}/{(await clockwork.make(PATH, THANKS))['id']}", clockwork.desk.agent
    seen = (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]
    await clockwork.change(path, name="another")

    late = await clockwork.desk.client.patch(path, json={"name": "late"}, headers=headers | {"If-Match": seen})

    assert (late.status_code, (await clockwork.desk.get(path))["name"]) == (412, "another")


async def test_a_workspace_has_so_many_and_sees_its_own_alone(clockwork, monkeypatch):
    monkeypatch.setattr(limits, "CANNED_REPLIES_PER_WORKSPACE", 1)
    reply, client = await clockwork.make(PATH, THANKS), clockwork.desk.client
    made = await clockwork.desk.post()
    theirs, reader = await clockwork.desk.api.key(workspace="other"), await clockwork.desk.api.key("feedback:read")

    assert (await clockwork.make(PATH, THANKS, 409))["type"].endswith("too_many")
    for path in (
        f"{PATH}/{reply['id']}",
        f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}",
        f"/v1/feedback/{made['id']}/canned-replies/{uuid4()}",
    ):
        assert (await client.get(path, headers=theirs)).status_code == 404
    assert (await client.post(PATH, json=THANKS, headers=reader)).status_code == 403
    assert (await client.get(PATH)).status_code == 401


async def test_every_place_is_filled_with_what_stands_in_the_post(clockwork):
    body = " / ".join(f"{{{{ {place} | - }}}}" for place in rules.PLACES)
    reply = await clockwork.make(PATH, {"name": "all", "texts": [text("en", body)]})
    author = {"name": "王小明", "user_id": "u1"}
    made = await clockwork.desk.post(title="付款", kind="bug", area="payments", external_id="T-1", author=author)
    await clockwork.change(f"/v1/feedback/{made['id']}", team="支付组")

    shown = await clockwork.desk.get(f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}")

    assert shown["body"] == f"王小明 / u1 / {made['number']} / 付款 / bug / payments / 支付组 / - / T-1"


async def test_what_an_author_writes_never_becomes_a_place(clockwork):
    reply = await clockwork.make(PATH, {"name": "n", "texts": [text("en", "{{ author.name }}, {{ title }}")]})
    made = await clockwork.desk.post(title="{{ author.user_id }}", author={"name": "{{ number }}", "user_id": "u1"})

    shown = await clockwork.desk.get(f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}")

    assert shown["body"] == "{{ number }}, {{ author.user_id }}"


async def test_a_draft_that_is_longer_than_a_reply_is_refused(clockwork):
    body = "{{ title }}" * 200
    reply = await clockwork.make(PATH, {"name": "n", "texts": [text("en", body)]})
    made = await clockwork.desk.post(title="t" * 300)

    answer = await clockwork.desk.get(f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}", 422)

    assert "50000" in answer["errors"][0]["detail"]


@pytest.mark.parametrize("count", [20, 21])
async def test_a_canned_reply_has_up_to_twenty_languages(clockwork, count):
    texts = [text(f"a{chr(97 + number)}", "x" * 100) for number in range(count)]

    answer = await clockwork.make(PATH, {"name": "n", "texts": texts}, 201 if count == 20 else 422)

    assert answer.get("texts") == texts or answer["errors"][0]["pointer"] == "/texts"


@pytest.mark.parametrize("characters", [1, 10_000])
async def test_a_text_is_as_long_as_it_may_be_in_any_writing(clockwork, characters):
    body = "谢" * characters

    made = await clockwork.make(PATH, {"name": "n", "texts": [text("zh", body)]})

    assert made["texts"][0]["body"] == body


async def test_a_canned_reply_that_is_asked_for_twice_with_one_key_is_made_once(clockwork):
    headers = clockwork.desk.agent | {"Idempotency-Key": "once"}

    answers = [await clockwork.desk.client.post(PATH, json=THANKS, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await clockwork.desk.get(PATH))["items"]) == 1


async def test_a_list_is_paged_newest_first(clockwork):
    names = [(await clockwork.make(PATH, THANKS | {"name": f"reply {number}"}))["name"] for number in range(3)]

    first = await clockwork.desk.get(PATH, limit=2)
    second = await clockwork.desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [one["name"] for page in (first, second) for one in page["items"]] == names[::-1]
    assert second["next_cursor"] is None


async def test_what_is_so_already_makes_no_version(clockwork):
    path = f"{PATH}/{(await clockwork.make(PATH, THANKS))['id']}"
    tags = [(await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"]]

    await clockwork.change(path, **THANKS)
    tags.append((await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"])

    assert tags[0] == tags[1]


async def test_the_audit_log_says_in_which_languages_and_nothing_of_what(clockwork):
    path = f"{PATH}/{(await clockwork.make(PATH, THANKS))['id']}"
    await clockwork.change(path, texts=[text("en", "Merci.")])
    await clockwork.desk.client.delete(path, headers=clockwork.desk.agent)

    log = await clockwork.desk.client.get("/v1/audit", headers=await clockwork.desk.api.key("feedback:admin"))

    entries = [entry for entry in log.json()["items"] if entry["action"].startswith("canned_reply.")]
    assert [entry["action"].partition(".")[2] for entry in entries] == ["deleted", "updated", "created"]
    assert (entries[1]["before"]["locales"], entries[1]["after"]["locales"]) == (["zh-CN", "en"], ["en"])
    assert "感谢" not in str(entries)
    assert "Merci" not in str(entries)


async def test_a_reply_of_another_workspace_is_neither_changed_nor_thrown_away(clockwork):
    made = await clockwork.make(PATH, THANKS)
    path, theirs = f"{PATH}/{made['id']}", await clockwork.desk.api.key(workspace="other")

    changed = await clockwork.desk.client.patch(path, json={"name": "mine"}, headers=theirs)
    deleted = await clockwork.desk.client.delete(path, headers=theirs)

    assert (changed.status_code, deleted.status_code) == (404, 404)
    assert await clockwork.desk.get(path) == made


async def test_who_may_only_submit_is_shown_no_draft(clockwork):
    reply, made = await clockwork.make(PATH, THANKS), await clockwork.desk.post()
    path = f"/v1/feedback/{made['id']}/canned-replies/{reply['id']}"
    submitter = await clockwork.desk.api.key("feedback:submit")

    assert (await clockwork.desk.client.get(path, headers=submitter)).status_code == 403
    assert (await clockwork.desk.client.get(path)).status_code == 401


async def test_a_draft_says_what_stands_in_the_post_now(clockwork):
    reply = await clockwork.make(PATH, {"name": "n", "texts": [text("en", "It is with {{ assignee | nobody }} now.")]})
    path = await clockwork.post()
    draft = f"{path}/canned-replies/{reply['id']}"
    assert (await clockwork.desk.get(draft))["body"] == "It is with nobody now."

    await clockwork.change(path, assignee="ann")

    assert (await clockwork.desk.get(draft))["body"] == "It is with ann now."


async def test_a_draft_is_in_the_language_that_the_post_is_said_to_be_in_now(clockwork):
    reply = await clockwork.make(PATH, THANKS)
    path = await clockwork.post(body="导出报表时失败了")
    draft = f"{path}/canned-replies/{reply['id']}"
    assert (await clockwork.desk.get(draft))["locale"] == "zh-CN"

    await clockwork.change(path, locale="en-US")

    assert (await clockwork.desk.get(draft))["locale"] == "en"


async def test_a_canned_reply_that_has_changed_is_not_thrown_away_unseen(clockwork):
    path, headers = f"{PATH}/{(await clockwork.make(PATH, THANKS))['id']}", clockwork.desk.agent
    seen = (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]
    await clockwork.change(path, name="another")

    refused = await clockwork.desk.client.delete(path, headers=headers | {"If-Match": seen})

    assert (refused.status_code, (await clockwork.desk.get(path))["name"]) == (412, "another")
