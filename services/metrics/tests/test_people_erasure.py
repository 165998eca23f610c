"""The end of a person: by DELETE, and because another service erased it; and that what is sent again is refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urljoin
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.secretbox import SecretBox
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.app import SERVICE
from opsloop_metrics.capture.rules import Reason, person_id
from opsloop_metrics.people import service
from opsloop_metrics.people.consumers import ERASURES
from opsloop_metrics.people.rules import Verdict
from services.metrics.tests.people import ACME, USERS, a_customer, absorb, alias, identify, people, rows, said, stored

__all__ = ["people"]


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


async def test_who_was_found_to_be_the_erased_one_is_erased_with_it(people):
    for block in ([said("a")], [identify("u")], [identify("u", "a")], [identify("v")], [alias("v", "u")]):
        await people.hear(*block)

    await people.call("DELETE", f"{USERS}/a", 202)
    await people.run()

    assert people.store.erased == [(ACME, {person_id(ACME, id) for id in "auv"})]
    assert (await stored(people.api.db))["person_merge"] == []


async def test_of_two_erasures_at_once_one_finds_somebody(people):
    await people.hear(identify("u", "a"))

    answers = await asyncio.gather(
        *(people.api.client.delete(f"{USERS}/{id}", headers=people.headers) for id in ("u", "a", "u"))
    )

    assert sorted(answer.status_code for answer in answers) == [202, 404, 404]
    assert len(await erased_of(people)) == 1


async def test_an_erasure_says_where_its_job_is(people):
    await people.hear(identify("shop/7"))

    answer = await people.call("DELETE", f"{USERS}/shop%2F7", 202)

    path = urljoin(f"http://service.test{USERS}/shop/7", answer.headers["location"])
    assert (await people.call("GET", path)).json()["status"] == "queued"
    await people.run()
    assert (await people.call("GET", path)).json()["status"] == "succeeded"


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


async def test_who_was_erased_is_known_to_other_rooms(people):
    await people.hear(identify("u", "a"), identify("v"))
    await people.call("DELETE", f"{USERS}/u", 202)

    async with people.api.db.transaction(Context(ACME)) as session:
        assert await service.erased_among(session, ["a", "u", "v", "nobody"]) == {"a", "u"}


async def test_who_was_erased_stays_so_under_another_key(people):
    await people.hear(said("u"))
    await people.call("DELETE", "/v1/users/u", 202)
    ports, old = people.api.runtime.ports, people.api.runtime.ports.secrets

    for box, is_refused in ((SecretBox("new", previous=["a", "a secret of tests"]), True), (SecretBox("new"), False)):
        people.api.runtime.ports = people.api.runtime.grounds.ports = replace(ports, secrets=box)
        [verdict] = (await people.hear(said("u", minute=5))).verdicts
        assert (verdict.reason is Reason.ERASED) is is_refused
    assert old.with_each_key == (old,)
