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
