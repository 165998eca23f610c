"""Persons through the door, and their erasure: by DELETE, and because another service erased them."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from opsloop_common.contracts.users import UserErased
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import MessageKind, Reason, person_id
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.people import queries
from opsloop_metrics.people.consumers import ERASURES
from opsloop_metrics.people.rules import Verdict
from opsloop_metrics.ports import MetricsPorts
from services.metrics.tests.people import ACME, T0, absorb, alias, identify, rows, said, stored

USERS = "/v1/users"


class Store:
    """A store of events for tests; it can be out of reach."""

    def __init__(self):
        self.erased, self.is_down = [], False

    async def erase(self, workspace, person_ids):
        if self.is_down:
            raise ConnectionError("the store is out of reach")
        self.erased.append((workspace, set(person_ids)))


class People:
    """Metrics with a store of events, and keys to its door."""

    def __init__(self, api, headers, store):
        self.api, self.headers, self.store = api, headers, store

    async def call(self, method, path, status=200, **options):
        answer = await self.api.client.request(method, path, **({"headers": self.headers} | options))
        assert answer.status_code == status, answer.text
        return answer

    async def get(self, path, **params):
        return (await self.call("GET", path, params=params)).json()

    async def hear(self, *block):
        return await absorb(self.api.db, *block)

    async def run(self, *, raising=True):
        await run_due(self.api.db, SERVICE.due, raising=raising)


@pytest.fixture
async def people(api):
    store = Store()
    opened = await api(SERVICE, ports=MetricsPorts(watching, SecretBox("a secret of tests"), store))
    return People(opened, await opened.key("metrics:read", "metrics:write"), store)


async def a_customer(people):
    """Make u, who came as a from an ad, wrote from b too, and is in a company."""
    await people.hear(said("a", minute=-5, traits_set_once={"source": "ad"}))
    await people.hear(identify("u", "a", traits_set={"plan": "pro", "email": "u@example.test"}))
    await people.hear(said("b", minute=1), alias("u", "b", minute=2))
    company = {"company": "c1"}
    await people.hear(said("u", minute=3, kind=MessageKind.GROUP, groups=company, group_traits={"seats": 5}))


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


async def erased_of(people):
    """Return the data of the erasures that were told."""
    return [event.data for event in await people.api.events() if event.type == "user.erased"]


@pytest.mark.parametrize("id", ["u", "a"])
async def test_an_erasure_takes_everything_and_refuses_what_is_sent_again(people, id):
    await a_customer(people)
    await people.hear(identify("other one", groups={"company": "c1"}))

    answer = await people.call("DELETE", f"{USERS}/{id}", 202)

    left = await stored(people.api.db)
    assert [person["user_id"] for person in left["person"]] == ["other one"]
    assert [one["distinct_id"] for one in left["person_alias"]] == ["other one"]
    assert (left["person_merge"], len(left["person_group"]), len(left["erased_person"])) == ([], 1, 3)
    assert "u@example.test" not in str(left)
    [told] = await erased_of(people)
    assert (told["user_id"], sorted(told["user_ids"])) == ("u", ["a", "b", "u"])
    await people.run()
    [(workspace, gone)] = people.store.erased
    assert (workspace, gone) == (ACME, {person_id(ACME, each) for each in "uab"})
    job = await people.get(f"/v1/jobs/{answer.json()['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", 3, 3)
    await people.call("GET", f"{USERS}/u", 404)

    again = await people.hear(*(said(each) for each in "uab"), identify("w", "a"), said("u", personless=True))
    refused = Verdict(None, Reason.ERASED)
    assert again.verdicts == [refused, refused, refused, Verdict(person_id(ACME, "w")), refused]
    await people.call("GET", f"{USERS}/a", 404)
    assert (await people.get(f"{USERS}/w"))["distinct_ids"] == ["w"]


async def test_the_events_of_an_erased_person_are_erased_however_long_the_store_is_away(people):
    await people.hear(identify("u"))
    await people.call("DELETE", f"{USERS}/u", 202)
    people.store.is_down = True

    for _ in range(12):
        await people.run(raising=False)
        people.api.clock.advance(timedelta(minutes=15))
    assert people.store.erased == []
    people.store.is_down = False
    await people.run()

    assert people.store.erased == [(ACME, {person_id(ACME, "u")})]


async def test_who_went_by_many_ids_is_told_of_in_parts(people):
    ids = [f"a{index:04}" for index in range(1_100)]
    await people.hear(identify("u", *ids))

    await people.call("DELETE", f"{USERS}/u", 202)

    told = await erased_of(people)
    assert [len(each["user_ids"]) for each in told] == [500, 500, 101]
    assert {id for each in told for id in each["user_ids"]} == {"u", *ids}
    assert len({each["erasure_id"] for each in told}) == 1


async def test_the_audit_log_says_that_somebody_was_erased_and_not_who(people):
    await a_customer(people)
    await people.call("DELETE", f"{USERS}/u", 202)

    log = await people.call("GET", "/v1/audit", headers=await people.api.key("metrics:admin"))

    [entry] = [each for each in log.json()["items"] if each["action"] == "person.deleted"]
    assert entry["subject"] == f"person/{person_id(ACME, 'u')}"
    assert "pro" not in str(entry)
    assert "example.test" not in str(entry)


def erased_elsewhere(*user_ids, **options):
    data = UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids))
    return make_event(data, source="/opsloop/feedback", **options)


async def test_whom_another_service_erased_is_erased_here_once_however_often_it_is_heard(people):
    await a_customer(people)
    heard = erased_elsewhere("u")

    assert await deliver(people.api.db, ERASURES, heard) == 1
    assert await deliver(people.api.db, ERASURES, heard) == 0
    assert await deliver(people.api.db, ERASURES, erased_elsewhere("u")) == 1
    await people.run()

    assert len(people.store.erased) == 1
    [told] = await erased_of(people)
    assert sorted(told["user_ids"]) == ["a", "b", "u"], "others may know it by ids of which they were not told"
    assert (await people.hear(said("b"))).verdicts == [Verdict(None, Reason.ERASED)]


async def test_our_own_erasures_come_back_and_erase_nothing_more(people):
    await a_customer(people)
    await people.call("DELETE", f"{USERS}/u", 202)
    before = await stored(people.api.db)

    for event in await people.api.events():
        await deliver(people.api.db, ERASURES, event)

    assert await stored(people.api.db) == before
    assert len(await erased_of(people)) == 1


async def test_of_somebody_unknown_only_the_digest_is_kept_and_late_events_are_refused(people):
    await deliver(people.api.db, ERASURES, erased_elsewhere("u", "u2", sequence=2), erased_elsewhere("u"))

    left = await stored(people.api.db)
    assert (len(left["erased_person"]), left["person"], await erased_of(people)) == (2, [], [])
    found = await people.hear(identify("u"), said("x"))
    assert found.verdicts == [Verdict(None, Reason.ERASED), Verdict(person_id(ACME, "x"))]


async def test_an_erasure_in_another_workspace_is_none_here(people):
    await people.hear(identify("u"))

    await deliver(people.api.db, ERASURES, erased_elsewhere("u", workspace="other"))

    assert (await people.get(f"{USERS}/u"))["user_id"] == "u"


async def test_an_erasure_that_names_nobody_leaves_nothing_behind(people):
    await people.hear(identify("u"))
    poison = erased_elsewhere("u").model_copy(update={"data": {"user_ids": None}})

    with pytest.raises(ValidationError):
        await deliver(people.api.db, ERASURES, poison)

    assert (await people.get(f"{USERS}/u"))["user_id"] == "u"
    assert await rows(people.api.db, "SELECT 1 FROM erased_person") == []


async def test_without_a_store_an_erasure_is_done_at_once(api):
    opened = await api(SERVICE)
    await absorb(opened.db, identify("u"))

    answer = await opened.client.delete(f"{USERS}/u", headers=await opened.key())
    await run_due(opened.db, SERVICE.due)

    job = await opened.client.get(f"/v1/jobs/{UUID(answer.json()['job_id'])}", headers=await opened.key())
    assert job.json()["status"] == "succeeded"
