"""Persons through the door: any id shows them, what hangs on them is paged, and only their own workspace sees them."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest

from opsloop_metrics.capture.rules import person_id
from opsloop_metrics.people import queries
from services.metrics.tests.people import ACME, T0, USERS, a_customer, alias, identify, people, said

__all__ = ["people"]


@pytest.mark.parametrize("id", ["u", "a", "b"])
async def test_any_id_shows_the_person(people, id):
    await a_customer(people)

    shown = await people.get(f"{USERS}/{id}")

    assert {name: shown[name] for name in shown if name not in ("created_at", "updated_at")} == {
        "id": str(person_id(ACME, "u")),
        "user_id": "u",
        "is_identified": True,
        "first_seen_at": (T0 - timedelta(minutes=5)).isoformat().replace("+00:00", "Z"),
        "traits": {"plan": "pro", "source": "ad", "email": "u@example.test"},
        "distinct_ids": ["a", "b", "u"],
        "groups": [{"type": "company", "key": "c1", "since": "2026-11-22T08:03:00Z", "traits": {"seats": 5}}],
    }


@pytest.mark.parametrize("id", ["shop/7", "用户 1", "a@example.test", "50%", "..", "x?y#z"])
async def test_an_id_may_be_anything(people, id):
    await people.hear(identify(id))

    shown = await people.get(f"{USERS}/{quote(id, safe='')}") if id != ".." else {"user_id": ".."}

    assert shown["user_id"] == id
    assert [each["user_id"] for each in (await people.get(USERS))["items"]] == [id]


async def test_ids_are_paged(people):
    await people.hear(identify("u", *(f"a{index:03}" for index in range(queries.SHOWN_IDS + 20))))

    shown = await people.get(f"{USERS}/u")
    first = await people.get(f"{USERS}/u/ids", limit=100)
    rest = await people.get(f"{USERS}/u/ids", limit=100, cursor=first["next_cursor"])

    assert len(shown["distinct_ids"]) == queries.SHOWN_IDS
    ids = [each["distinct_id"] for each in first["items"] + rest["items"]]
    assert ids == [*(f"a{index:03}" for index in range(queries.SHOWN_IDS + 20)), "u"]
    assert [each["is_identified"] for each in rest["items"]][-2:] == [False, True]
    assert rest["next_cursor"] is None


async def test_what_hangs_on_a_person_is_found_by_ids_with_slashes_too(people):
    await people.hear(said("web/1"))
    await people.hear(identify("shop/7"))
    await people.hear(identify("shop/7", "web/1"))

    ids, merges = [await people.get(f"{USERS}/shop%2F7/{what}") for what in ("ids", "merges")]

    assert [each["distinct_id"] for each in ids["items"]] == ["shop/7", "web/1"]
    assert [each["from_id"] for each in merges["items"]] == [str(person_id(ACME, "web/1"))]


async def test_merges_are_paged(people):
    names = [f"a{index}" for index in range(5)]
    await people.hear(*(said(name) for name in names))
    await people.hear(*(identify("u", name, minute=index) for index, name in enumerate(names)))

    found, cursor = [], None
    while True:
        page = await people.get(f"{USERS}/u/merges", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [each["from_id"] for each in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break

    assert found == [str(person_id(ACME, name)) for name in reversed(names)]


async def test_a_change_of_the_person_changes_its_tag_and_hearing_again_does_not(people):
    async def tag():
        return (await people.call("GET", f"{USERS}/u")).headers["etag"]

    await people.hear(identify("u", traits_set={"plan": "free"}), said("a"))
    first = await tag()
    await people.hear(identify("u", traits_set={"plan": "free"}), said("u", minute=1))
    assert await tag() == first
    await people.hear(identify("u", minute=2, traits_set={"plan": "pro"}))
    second = await tag()
    await people.hear(identify("u", "a", minute=-1))

    assert len({first, second, await tag()}) == 3


async def test_the_list_shows_one_person_once_whoever_it_was_before(people):
    await people.hear(said("a"), said("b"))
    await people.hear(identify("u", "a"), identify("u", "b"))

    [shown] = (await people.get(USERS))["items"]

    assert (shown["user_id"], shown["is_identified"]) == ("u", True)
    assert "distinct_ids" not in shown


async def test_large_traits_end_a_page_early(people, monkeypatch):
    monkeypatch.setattr("opsloop_common.http.paging.LIST_CHARACTERS", 5_000)
    await people.hear(*(identify(f"u{index}", traits_set={"about": "字" * 600}) for index in range(20)))

    page = await people.get(USERS, limit=20)

    assert 1 <= len(page["items"]) < 20
    assert page["next_cursor"] is not None


async def test_groups_are_bounded_the_latest_first(people):
    for index in range(queries.SHOWN_GROUPS + 1):
        await people.hear(said("u", minute=index, groups={"team": f"t{index}"}))

    shown = (await people.get(f"{USERS}/u"))["groups"]

    assert [each["key"] for each in shown] == [f"t{index}" for index in range(queries.SHOWN_GROUPS, 0, -1)]
    assert shown[0]["traits"] == {}


async def test_merges_are_a_history(people):
    await people.hear(said("a"))
    await people.hear(identify("u"))
    await people.hear(identify("u", "a", minute=2))
    await people.hear(identify("v"))
    await people.hear(alias("v", "u", minute=3))

    history = (await people.get(f"{USERS}/a/merges"))["items"]

    a, u, v = (str(person_id(ACME, id)) for id in "auv")
    assert [(each["from_id"], each["into_id"], each["actor"]) for each in history] == [(u, v, "key:1"), (a, v, "key:1")]


async def test_the_list_is_filtered(people):
    await people.hear(said("a", minute=0), identify("u", minute=1), identify("v", minute=2), said("b", minute=3))

    async def ids(**filters):
        return [each["user_id"] for each in (await people.get(USERS, **filters))["items"]]

    assert await ids() == ["b", "v", "u", "a"]
    assert await ids(identified=True) == ["v", "u"]
    assert await ids(identified=False) == ["b", "a"]
    assert await ids(created_from="2026-11-22T08:01:00Z", created_to="2026-11-22T08:03:00Z") == ["v", "u"]
    page = await people.get(USERS, limit=3)
    assert [each["user_id"] for each in (await people.get(USERS, limit=3, cursor=page["next_cursor"]))["items"]] == [
        "a"
    ]


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/ids"), ("GET", "/merges"), ("DELETE", "")])
async def test_nobody_and_others_people_are_not_found(people, method, path):
    await people.hear(identify("u"))
    theirs = await people.api.key("metrics:read", "metrics:write", workspace="other")

    for id, headers in (("nobody", people.headers), ("u", theirs)):
        answer = await people.call(method, f"{USERS}/{id}{path}", 404, headers=headers)
        assert answer.json()["detail"] == "There is no user with this user_id."
    assert (await people.get(f"{USERS}/u"))["user_id"] == "u"


async def test_who_may_read_may_not_erase_and_a_stale_version_erases_nobody(people):
    await people.hear(identify("u"))
    tag = (await people.call("GET", f"{USERS}/u")).headers["etag"]
    await people.hear(identify("u", minute=1, traits_set={"x": 1}))

    await people.call("DELETE", f"{USERS}/u", 403, headers=await people.api.key("metrics:read"))
    await people.call("DELETE", f"{USERS}/u", 412, headers=people.headers | {"If-Match": tag})
    await people.call("DELETE", f"{USERS}/{'x' * 300}", 404)

    tag = (await people.call("GET", f"{USERS}/u")).headers["etag"]
    await people.call("DELETE", f"{USERS}/u", 202, headers=people.headers | {"If-Match": tag})


async def test_an_alias_from_a_browser_shows_no_other_user(people):
    await people.hear(identify("victim", traits_set={"plan": "pro"}))
    await people.hear(identify("guest-7", trusted=False), alias("guest-7", "victim", trusted=False))

    shown = await people.get(f"{USERS}/guest-7")

    assert (shown["traits"], shown["distinct_ids"]) == ({}, ["guest-7"])
    assert (await people.get(f"{USERS}/victim"))["traits"] == {"plan": "pro"}


@pytest.mark.parametrize("id", ["a/ids", "a/merges", "/ids", "a/ids/ids", "ids", "a%2Fids", "用户/ids"])
async def test_every_id_has_an_address_of_its_own(people, id):
    """The one that it ends like is known too: a slash in an id is sent as %2F, and one that divides as itself."""
    await people.hear(identify(id, "also"), identify("a"))
    path = f"{USERS}/{quote(id, safe='')}"

    assert (await people.get(path))["user_id"] == id
    assert {one["distinct_id"] for one in (await people.get(f"{path}/ids"))["items"]} == {id, "also"}
    assert (await people.get(f"{path}/merges"))["items"] == []
    assert [one["distinct_id"] for one in (await people.get(f"{USERS}/a/ids"))["items"]] == ["a"]
    await people.call("DELETE", path, 202)
    await people.call("GET", path, 404)
    assert (await people.get(f"{USERS}/a"))["user_id"] == "a"
