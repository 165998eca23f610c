"""Templates beside one another: languages that are found, people who change at the same time, numbers, bounds and what is told of it."""

import asyncio
import json

import pytest

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.errors import Conflict, Invalid
from opsloop_notifications.templates import service as service_of_templates

ONE = "/v1/templates/note"
LANGUAGES = ("en", "zh", "zh-TW", "pt-BR")


def words(locale, text="Hello", **parts):
    return {"locale": locale, "inbox": {"title": f"{text} {locale}", "body": "{{ a | default: 'b' }}"} | parts}


class Desk:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=ONE, body=None, status=200, **headers):
        given = self.key | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.service.client.request(method, path, json=body, headers=given)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def make(self, *contents, key="note", **fields):
        body = {"key": key, "name": "A note", "contents": list(contents) or [words("en")]} | fields
        return await self.call("POST", "/v1/templates", body, 201)


@pytest.fixture
async def desk(service):
    return Desk(service, await service.key())


@pytest.mark.parametrize(
    ("reads", "gets"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh-CN", "zh"),
        ("zh-Hans-SG", "zh"),
        ("zh-Hant-TW", "zh-TW"),
        ("zh-HK", "zh-TW"),
        ("pt-PT", "pt-BR"),
        ("yue", "zh-TW"),
        ("fr", "en"),
        (None, "en"),
    ],
)
async def test_each_reader_gets_the_nearest_language_else_the_first(desk, reads, gets):
    await desk.make(*(words(locale) for locale in LANGUAGES))
    await desk.call("POST", f"{ONE}/publish")
    await desk.call("PUT", "/v1/recipients/u1", {"locale": reads}, 201)

    body = {"template": "note", "user_ids": ["u1"], "channels": ["inbox"]}
    await desk.call("POST", "/v1/messages", body, 201)

    [entry] = (await desk.call("GET", "/v1/recipients/u1/inbox"))["items"]
    assert (entry["title"], entry["locale"]) == (f"Hello {gets}", gets)


async def test_who_changes_at_the_same_time_makes_versions_one_after_the_other(desk):
    await desk.make()

    changes = [desk.call("PATCH", body={"contents": [words("en", f"Text {n}")]}) for n in range(6)]
    answers = await asyncio.gather(*changes)

    assert sorted(answer["latest_version"] for answer in answers) == [2, 3, 4, 5, 6, 7]
    versions = (await desk.call("GET", f"{ONE}/versions"))["items"]
    assert [item["number"] for item in versions] == [7, 6, 5, 4, 3, 2, 1]
    for answer in answers:
        [kept] = [item for item in versions if item["number"] == answer["latest_version"]]
        assert kept["contents"] == answer["contents"]


async def test_who_publishes_while_another_writes_publishes_what_they_named(desk):
    await desk.make()

    await asyncio.gather(
        desk.call("POST", f"{ONE}/publish", {"version": 1}),
        *(desk.call("PATCH", body={"contents": [words("en", f"Text {n}")]}) for n in range(3)),
    )

    shown = await desk.call("GET")
    assert (shown["published_version"], shown["latest_version"]) == (1, 4)


@pytest.mark.parametrize("number", [0, -1, 1.5, 1e300, -1e-300, 2**63 - 1, 0.1])
async def test_numbers_stay_what_they_are(desk, number):
    made = await desk.make(words("en", body="{{ n }}"), sample={"n": number, "deep": [{"n": number}]})

    assert made["sample"] == {"n": number, "deep": [{"n": number}]}
    assert (await desk.call("GET"))["sample"] == made["sample"]
    [shown] = (await desk.call("POST", f"{ONE}/preview", {}))["previews"]
    assert float(shown["text"]) == float(number)


async def test_what_a_sample_may_be(desk):
    await desk.make(sample={"a": None, "b": True, "c": [], "d": {}, "e": "支付", "f": [1, "x", None]})

    for bad in ([], "x", 1, {"a": "\ud800"}, {"a": "\u0000"}):
        text = json.dumps({"sample": bad})
        answer = await desk.service.client.patch(
            ONE, content=text, headers=desk.key | {"Content-Type": "application/json"}
        )
        assert answer.status_code == 422, (bad, answer.text)


@pytest.mark.parametrize(
    ("parts", "pointer"),
    [
        ({"title": "x" * 501}, "/contents/0/inbox/title"),
        ({"body": "x" * 2_001}, "/contents/0/inbox/body"),
        ({"url": "x" * 2_001}, "/contents/0/inbox/url"),
        ({"title": "\u200b"}, "/contents/0/inbox/title"),
        ({"title": 7}, "/contents/0/inbox/title"),
        ({"url": ""}, "/contents/0/inbox/url"),
        ({"subject": "x"}, "/contents/0/inbox/subject"),
        ({"title": "{{ x | shout"}, "/contents/0/inbox/title"),
        ({"url": "{% if a %}"}, "/contents/0/inbox/url"),
    ],
)
async def test_parts_are_held_to_their_bounds(desk, parts, pointer):
    body = {"key": "note", "name": "n", "contents": [words("en", **parts)]}

    refused = await desk.call("POST", "/v1/templates", body, 422)

    assert refused["errors"][0]["pointer"] == pointer


async def test_so_many_languages_and_each_once_whatever_its_letters(desk):
    many = [words(f"x{chr(97 + n // 26)}{chr(97 + n % 26)}") for n in range(21)]

    await desk.make(*many[:20])
    for contents in (many, [words("zh-CN"), words("ZH-cn")]):
        refused = await desk.call("PATCH", body={"contents": contents}, status=422)
        assert refused["errors"][0]["pointer"] == "/contents"


async def test_what_is_read_too_dearly_is_not_kept(desk):
    dear = words("en", body="{{ a }}" * 280)

    refused = await desk.call(
        "POST",
        "/v1/templates",
        {
            "key": "note",
            "name": "n",
            "contents": [dear | {"locale": f"x{letter}"} for letter in "abcdefghijklmnopqrst"],
        },
        201,
    )
    long = {"locale": "en", "email": {"subject": "s", "body": "{{ a }}" * 2_857, "html": "{{ a }}" * 7_142}}
    answer = await desk.call("POST", "/v1/templates", {"key": "dear", "name": "n", "contents": [long]}, 422)

    assert refused["latest_version"] == 1
    assert answer["errors"][0]["detail"] == "line 1: takes too many steps: shorten its loops"


async def test_nothing_that_was_written_stands_in_the_audit_log(desk):
    await desk.make(words("en", "A private word"), sample={"who": "private"})
    await desk.call("PATCH", body={"contents": [words("en", "Another private word")], "name": "private name"})
    await desk.call("POST", f"{ONE}/publish")

    log = await desk.call("GET", "/v1/audit?limit=20")

    told = [entry for entry in log["items"] if entry["action"].startswith("template.")]
    assert [entry["action"] for entry in told] == ["template.published", "template.updated", "template.created"]
    assert told[1]["after"] == {"name": "(text)", "contents": "(text)", "latest_version": 2}
    assert "private" not in json.dumps(log)


async def test_templates_of_another_workspace_are_nobodys(desk, service):
    await desk.make()
    other = Desk(service, await service.key(workspace="other"))

    for method, path, body in (
        ("GET", ONE, None),
        ("PATCH", ONE, {"name": "x"}),
        ("DELETE", ONE, None),
        ("GET", f"{ONE}/versions", None),
        ("GET", f"{ONE}/versions/1", None),
        ("POST", f"{ONE}/publish", {}),
        ("POST", f"{ONE}/preview", {}),
        ("POST", f"{ONE}/test", {"user_id": "u1"}),
    ):
        refused = await other.call(method, path, body, 404)
        assert refused["detail"] == "There is no template with this key."


async def test_what_other_rooms_ask_for(desk, service):
    await desk.make(sample={"a": 1})

    async with service.db.transaction(Context(workspace="acme")) as session:
        assert await service_of_templates.latest_of(session, "note") == (1, {"a": 1})
        with pytest.raises(Conflict):
            await service_of_templates.contents_to_send(session, "note")
        number, contents = await service_of_templates.contents_to_send(session, "note", 1)
        assert (number, contents[0]["locale"]) == (1, "en")
        for key, version in (("unknown", None), ("note", 2)):
            with pytest.raises(Invalid):
                await service_of_templates.contents_to_send(session, key, version)
        said = await service_of_templates.say(contents, {}, ["inbox"])
        assert [(one["subject"], one["body"]) for one in said] == [("Hello en", "b")]
        with pytest.raises(Invalid) as refused:
            await service_of_templates.say([words("en", body="{{ x }}")], {}, ["inbox"])
    assert refused.value.errors[0].detail == "body in en, line 1: the data has no x"


async def test_bounds_of_a_workspace_are_its_own(desk, service, monkeypatch):
    monkeypatch.setattr(limits, "TEMPLATES_PER_WORKSPACE", 1)
    other = Desk(service, await service.key(workspace="other"))

    await desk.make()
    await other.make()
    refused = await desk.call("POST", "/v1/templates", {"key": "b", "name": "n", "contents": [words("en")]}, 409)

    assert "at most 1 templates" in refused["detail"]
