"""Templates through their doors: versions, publishing, previews, and what is refused."""

import asyncio

import pytest

from opsloop_common import limits

PATH = "/v1/templates/welcome"


def mail(**parts):
    return {"subject": "Hello {{ name }}", "body": "# Hello\n\nDear {{ name }}, look at [this]({{ url }}).\n"} | parts


def english(**parts):
    return {"locale": "en", "email": mail(**parts)}


CHINESE = {
    "locale": "zh-CN",
    "email": {"subject": "{{ name }}，您好", "body": "请查看[这里]({{ url }})。\n", "preheader": "一条消息"},
    "inbox": {"title": "{{ name }}，您好", "body": "请查看。", "url": "{{ url }}"},
}
DATA = {"name": "Ann", "url": "https://product.test/a?b=1&c=2"}


class Templates:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=PATH, body=None, **headers):
        given = self.key | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.service.client.request(method, path, json=body, headers=given)

    async def make(self, *contents, key="welcome", status=201, **fields):
        body = {"key": key, "name": "A welcome", "contents": list(contents) or [english(), CHINESE]} | fields
        answer = await self.call("POST", "/v1/templates", body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def preview(self, status=200, **body):
        answer = await self.call("POST", f"{PATH}/preview", body)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def templates(service):
    return Templates(service, await service.key())


async def test_each_other_wording_is_a_version(templates):
    made = await templates.make(sample=DATA)

    same = await templates.call("PATCH", body={"contents": made["contents"]})
    named = await templates.call("PATCH", body={"name": "Another name"})
    changed = await templates.call("PATCH", body={"contents": [english(subject="Hi {{ name }}")]}, If_Match='"2"')
    stale = await templates.call("PATCH", body={"name": "x"}, If_Match='"2"')

    assert (made["latest_version"], made["published_version"]) == (1, None)
    assert (same.headers["etag"], named.headers["etag"], changed.headers["etag"]) == ('"1"', '"2"', '"3"')
    assert (named.json()["latest_version"], changed.json()["latest_version"]) == (1, 2)
    assert stale.status_code == 412
    versions = (await templates.call("GET", f"{PATH}/versions?limit=1")).json()
    assert [item["number"] for item in versions["items"]] == [2]
    rest = (await templates.call("GET", f"{PATH}/versions?cursor={versions['next_cursor']}")).json()["items"]
    assert [(item["number"], item["contents"]) for item in rest] == [(1, made["contents"])]
    one = await templates.call("GET", f"{PATH}/versions/1")
    assert (one.json(), one.headers["etag"]) == (rest[0], '"1"')
    assert (await templates.call("GET", f"{PATH}/versions/3")).status_code == 404
    assert (await templates.call("GET", f"{PATH}/versions/x")).status_code == 404


async def test_one_version_is_published_and_an_earlier_one_rolls_back(templates):
    await templates.make()
    await templates.call("PATCH", body={"contents": [CHINESE]})

    latest = await templates.call("POST", f"{PATH}/publish")
    again = await templates.call("POST", f"{PATH}/publish", {})
    back = await templates.call("POST", f"{PATH}/publish", {"version": 1})
    refused = [await templates.call("POST", f"{PATH}/publish", {"version": number}) for number in (3, 0, 2**40)]
    stale = await templates.call("POST", f"{PATH}/publish", {}, If_Match='"1"')

    assert [answer.json()["published_version"] for answer in (latest, again, back)] == [2, 2, 1]
    assert (latest.headers["etag"], again.headers["etag"], back.headers["etag"]) == ('"3"', '"3"', '"4"')
    assert [answer.status_code for answer in refused] == [422] * 3
    assert refused[0].json()["errors"][0]["pointer"] == "/version"
    assert stale.status_code == 412
    log = (await templates.call("GET", "/v1/audit?limit=10")).json()["items"]
    assert [entry["action"] for entry in log if entry["action"].startswith("template.")] == [
        "template.published",
        "template.published",
        "template.updated",
        "template.created",
    ]


async def test_a_preview_shows_all_languages_and_channels(templates):
    await templates.make(sample={"name": "A*n*n <b>", "url": DATA["url"], "spare": 1})

    shown = await templates.preview()

    assert shown["version"] == 1
    by = {(one["channel"], one["locale"]): one for one in shown["previews"]}
    assert set(by) == {("email", "en"), ("email", "zh-CN"), ("inbox", "zh-CN")}
    mail = by["email", "en"]
    assert mail["subject"] == "Hello A*n*n <b>"
    assert mail["text"] == "Hello\n\nDear A*n*n <b>, look at this (https://product.test/a?b=1&c=2).\n"
    assert 'Dear A*n*n &lt;b&gt;, look at <a href="https://product.test/a?b=1&amp;c=2"' in mail["html"]
    assert mail["warnings"] == [
        "there is no preheader: the first words of the body stand in its place",
        "the data has what the mail does not ask for: spare",
    ]
    assert (by["email", "zh-CN"]["preheader"], 'lang="zh-CN"' in by["email", "zh-CN"]["html"]) == ("一条消息", True)
    entry = by["inbox", "zh-CN"]
    assert (entry["subject"], entry["text"], entry["url"], entry["html"]) == (
        "A*n*n <b>，您好",
        "请查看。",
        DATA["url"],
        None,
    )


async def test_a_preview_of_another_version_and_other_data(templates):
    await templates.make(sample=DATA)
    await templates.call("PATCH", body={"contents": [english(subject="Second, {{ name }}")]})

    first = await templates.preview(version=1, data=DATA | {"name": "Bo"})
    latest = await templates.preview()

    assert [one["subject"] for one in first["previews"]] == ["Hello Bo", "Bo，您好", "Bo，您好"]
    assert [one["subject"] for one in latest["previews"]] == ["Second, Ann"]
    assert (await templates.preview(422, version=3))["errors"][0]["pointer"] == "/version"


async def test_what_the_data_lacks_is_named_with_its_line(templates):
    await templates.make(english(body="One\n\nTwo {{ order.total }}\n"))

    [error] = (await templates.preview(422, data={"name": "Ann", "order": {}}))["errors"]

    assert error == {"pointer": "/data", "detail": "body in en, line 3: the data has no order.total"}


@pytest.mark.parametrize(
    ("parts", "where", "why"),
    [
        ({"subject": "{{ name"}, "subject", "line 1: {{ is not closed by }}"),
        ({"body": "a\n{% include 'b' %}"}, "body", "line 2: there is no tag include"),
        ({"body": "a\n\n{% for x in y %}"}, "body", "line 3: for is not closed by endfor"),
        ({"html": "<p>{{ a | nothing }}</p>"}, None, None),
        ({"html": "{% if a %}"}, "html", "line 1: if is not closed by endif"),
    ],
)
async def test_what_cannot_be_read_is_not_kept(templates, parts, where, why):
    answer = await templates.make(english(**parts), status=201 if where is None else 422)

    if where is not None:
        [error] = answer["errors"]
        assert (error["pointer"], error["detail"]) == (f"/contents/0/email/{where}", why)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"key": "Not A Slug"}, "/key"),
        ({"name": ""}, "/name"),
        ({"contents": []}, "/contents"),
        ({"contents": [{"locale": "en"}]}, "/contents/0"),
        ({"contents": [english(), english()]}, "/contents"),
        ({"contents": [{"locale": "no locale", "email": mail()}]}, "/contents/0/locale"),
        ({"contents": [english(subject=" ")]}, "/contents/0/email/subject"),
        ({"contents": [english(bdy="x")]}, "/contents/0/email/bdy"),
        (
            {"contents": [{"locale": tag, "email": mail(body="x" * 20_000)} for tag in ["en", "de", "fr", "es", "it"]]},
            "/contents",
        ),
        ({"sample": {"a": "x" * limits.TEMPLATE_DATA_BYTES}}, "/sample"),
        ({"sample": {"a": [[[[[[[[1]]]]]]]]}}, "/sample"),
    ],
)
async def test_malformed(templates, body, pointer):
    answer = await templates.call("POST", "/v1/templates", {"key": "k", "name": "n", "contents": [english()]} | body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer, answer.text


async def test_a_key_is_taken_once_in_a_workspace(templates, service):
    await templates.make()
    others = Templates(service, await service.key(workspace="other"))

    assert (await templates.make(status=409))["detail"] == "There is a template with this key."
    both = await asyncio.gather(
        *(
            templates.call("POST", "/v1/templates", {"key": "race", "name": "n", "contents": [CHINESE]})
            for _ in range(4)
        )
    )
    assert sorted(answer.status_code for answer in both) == [201, 409, 409, 409]
    await others.make()
    assert [item["key"] for item in (await others.call("GET", "/v1/templates")).json()["items"]] == ["welcome"]
    listed = (await templates.call("GET", "/v1/templates?limit=1")).json()
    assert ([item["key"] for item in listed["items"]], listed["next_cursor"] is None) == (["race"], False)


async def test_who_may(templates, service):
    await templates.make()
    reader = Templates(service, await service.key("notifications:read"))
    writer = Templates(service, await service.key("notifications:write"))
    stranger = Templates(service, {})

    assert (await stranger.call("GET")).status_code == 401
    assert (await reader.call("GET")).status_code == 200
    assert (await reader.call("PATCH", body={})).status_code == 403
    assert (await writer.call("GET")).status_code == 403
    assert (await writer.call("POST", f"{PATH}/preview", {})).status_code == 403
    assert (await writer.call("POST", f"{PATH}/publish", {})).status_code == 204


async def test_what_is_thrown_away_is_gone_with_its_versions(templates):
    made = await templates.make()
    await templates.call("PATCH", body={"contents": [CHINESE]})

    gone = await templates.call("DELETE")
    anew = await templates.make()

    assert gone.status_code == 204
    assert anew["id"] != made["id"]
    assert [item["number"] for item in (await templates.call("GET", f"{PATH}/versions")).json()["items"]] == [1]


async def test_versions_and_templates_are_counted(templates, monkeypatch):
    monkeypatch.setattr(limits, "TEMPLATE_VERSIONS", 2)
    monkeypatch.setattr(limits, "TEMPLATES_PER_WORKSPACE", 1)
    await templates.make()

    changes = [await templates.call("PATCH", body={"contents": [english(subject=f"{n}")]}) for n in range(2)]

    assert [answer.status_code for answer in changes] == [200, 409]
    assert (await templates.call("GET")).json()["latest_version"] == 2
    assert (await templates.make(key="another", status=409))["type"].endswith("too_many")


async def test_a_repeated_request_makes_one(templates):
    body = {"key": "once", "name": "n", "contents": [CHINESE]}

    first = await templates.call("POST", "/v1/templates", body, Idempotency_Key="k1")
    second = await templates.call("POST", "/v1/templates", body, Idempotency_Key="k1")

    assert (first.status_code, second.status_code, second.headers["idempotency-replayed"]) == (201, 201, "true")
    assert first.json() == second.json()
