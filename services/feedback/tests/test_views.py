"""Views: filters and an order under a name, one's own or everybody's, counted together, and seen by the list itself."""

import pytest

from opsloop_common import limits
from opsloop_common.errors import Invalid
from opsloop_feedback.views import rules

PATH = "/v1/views"
VIEW = {"name": "重要", "filters": {"status": ["new", "open"], "severity": ["s1"]}, "sort": "due"}


@pytest.fixture
def views(desk):
    async def make(expect=201, headers=None, **fields):
        answer = await desk.client.post(PATH, json=VIEW | fields, headers=headers or desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    return make


@pytest.fixture
async def colleague(desk):
    return await desk.api.key("feedback:read", "feedback:write", name="colleague")


@pytest.mark.parametrize(
    ("actor", "source", "owner"),
    [
        ("user:ann", "people", "user:ann"),
        ("key:0198", "partner", "source:partner"),
        ("key:user:x", "user:ann", "source:user:ann"),
    ],
)
def test_a_view_is_a_persons_or_a_sources(actor, source, owner):
    assert rules.owner_of(actor=actor, source=source) == owner


def test_what_no_address_has_room_for_is_no_view():
    rules.require_addressable({"tag": ["x" * 250] * 15}, "due")
    with pytest.raises(Invalid):
        rules.require_addressable({"tag": ["支" * 250] * 2}, "due")


async def test_a_view_says_how_the_list_is_asked(desk, views):
    severe = await desk.post(body="支付失败，而且重复扣款两次")
    await desk.post(body="Great app")
    made = await views()

    assert made["filters"] == VIEW["filters"]
    assert (made["sort"], made["is_shared"], made["is_mine"]) == ("due", False, True)
    answer = await desk.client.get(f"/v1/feedback?{made['query']}", headers=desk.agent)
    assert [each["id"] for each in answer.json()["items"]] == [severe["id"]]
    assert await desk.get(f"{PATH}/{made['id']}") == made


async def test_views_are_counted_in_one_request(desk, views):
    await desk.post(body="支付失败，而且重复扣款两次")
    for n in range(3):
        await desk.post(body=f"Great app {n}")
    severe = await views()
    all_of_them = await views(filters={})
    said = await views(filters={"text": "great", "created_from": "2026-01-01T00:00:00Z"})

    page = await desk.get(PATH, counts="true")

    assert [each["id"] for each in page["items"]] == [said["id"], all_of_them["id"], severe["id"]]
    assert page["counts"] == {
        severe["id"]: {"count": 1, "is_exact": True},
        all_of_them["id"]: {"count": 4, "is_exact": True},
        said["id"]: {"count": 3, "is_exact": True},
    }
    assert (await desk.get(PATH))["counts"] is None
    assert (await desk.get(PATH, limit=1, counts="true"))["counts"].keys() == {said["id"]}


async def test_ones_own_view_nobody_else_sees(desk, views, colleague):
    own, shared = await views(), await views(is_shared=True)
    client = desk.client

    listed = (await client.get(PATH, headers=colleague)).json()["items"]
    assert [(each["id"], each["is_mine"]) for each in listed] == [(shared["id"], False)]
    for answer in (
        await client.get(f"{PATH}/{own['id']}", headers=colleague),
        await client.patch(f"{PATH}/{own['id']}", json={"name": "x"}, headers=colleague),
        await client.delete(f"{PATH}/{own['id']}", headers=colleague),
    ):
        assert answer.status_code == 404


async def test_a_shared_view_anybody_changes_and_only_its_maker_takes_back(desk, views, colleague):
    shared = await views(is_shared=True)
    path = f"{PATH}/{shared['id']}"

    changed = await desk.client.patch(path, json={"filters": {"kind": ["bug"]}}, headers=colleague)
    refused = await desk.client.patch(path, json={"is_shared": False}, headers=colleague)
    taken = await desk.client.patch(path, json={"is_shared": False}, headers=desk.agent)

    assert (changed.status_code, changed.json()["filters"], changed.headers["etag"]) == (200, {"kind": ["bug"]}, '"2"')
    assert refused.status_code == 409
    assert (taken.status_code, taken.json()["filters"]) == (200, {"kind": ["bug"]})
    assert (await desk.client.get(path, headers=colleague)).status_code == 404


async def test_another_workspace_sees_none(desk, views):
    shared = await views(is_shared=True)
    theirs = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    assert (await desk.client.get(PATH, headers=theirs)).json()["items"] == []
    assert (await desk.client.get(f"{PATH}/{shared['id']}", headers=theirs)).status_code == 404


async def test_a_view_is_changed_in_the_version_that_was_seen(desk, views):
    path = f"{PATH}/{(await views())['id']}"

    first = await desk.client.patch(path, json={"sort": "-affected"}, headers=desk.agent | {"If-Match": '"1"'})
    stale = await desk.client.patch(path, json={"sort": "due"}, headers=desk.agent | {"If-Match": '"1"'})
    same = await desk.client.get(path, headers=desk.agent | {"If-None-Match": '"2"'})

    assert (first.status_code, stale.status_code, same.status_code) == (200, 412, 304)
    assert (await desk.client.delete(path, headers=desk.agent)).status_code == 204
    assert (await desk.client.get(path, headers=desk.agent)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"sort": "best"}, "/sort"),
        ({"filters": {"mood": ["bad"]}}, "/filters/mood"),
        ({"filters": {"status": ["lost"]}}, "/filters/status/0"),
        ({"filters": {"status": "new"}}, "/filters/status"),
        ({"filters": {"number": [2**63]}}, "/filters/number/0"),
        ({"filters": {"tag": ["支" * 100] * 5}}, "/filters"),
        ({"filters": {"tag": ["\u200b"]}}, "/filters/tag/0"),
        ({"filters": {"tag": ["x"] * 51}}, "/filters/tag"),
        ({"owner": "user:ann"}, "/owner"),
    ],
)
async def test_what_is_no_view_is_refused_naming_the_field(views, fields, pointer):
    answer = await views(expect=422, **fields)

    assert answer["errors"][0]["pointer"] == pointer


async def test_a_workspace_has_so_many(views, monkeypatch):
    monkeypatch.setattr(limits, "VIEWS_PER_WORKSPACE", 1)
    await views()

    answer = await views(expect=409)

    assert answer["type"].endswith("too_many")


async def test_who_may_only_read_keeps_none(desk, views):
    reader = await desk.api.key("feedback:read", name="reader")

    await views(expect=403, headers=reader)
    assert (await desk.client.get(PATH)).status_code == 401
    assert (await desk.client.get(PATH, headers=reader)).status_code == 200
