"""A workspace's settings are set once, wherever that is asked for, and hold in every service."""

from dataclasses import replace
from random import Random

import pytest

from opsloop_common import workspaces
from opsloop_common.bus.topics import sources_of
from opsloop_common.contracts.campaigns import CampaignApproved
from opsloop_common.contracts.workspace import WorkspaceChanged, WorkspaceChangeRequested
from opsloop_common.testing.events import deliver
from opsloop_common.testing.sample.service import SAMPLE

COPIES = ("metrics", "campaigns", "notifications")
PATH = "/v1/workspace"


class House:
    """Four services on four databases, and what their events do when they arrive."""

    def __init__(self, doors):
        self.doors, self.heard = doors, dict.fromkeys(doors, 0)

    async def patch(self, name, changes, **headers):
        door = self.doors[name]
        key = await door.key(f"{name}:admin", name=f"admin-{headers or ''}")
        return await door.client.patch(PATH, json=changes, headers=key | headers)

    async def shown(self, name):
        door = self.doors[name]
        body = (await door.client.get(PATH, headers=await door.key(f"{name}:read"))).json()
        return {field: value for field, value in body.items() if field not in ("created_at", "updated_at")}

    async def carry_one(self, source):
        """Carry the next event of a service to all, as one bus or the other does; returns whether there was one."""
        events = [event for event in await self.doors[source].events() if event.type.startswith("workspace.")]
        if self.heard[source] == len(events):
            return False
        event = events[self.heard[source]]
        self.heard[source] += 1
        for name, door in self.doors.items():
            await deliver(door.db, workspaces.subscription(name), event)
            await deliver(door.db, workspaces.subscription(name), event)
        return True

    async def carry_all(self, random=None):
        waiting = list(self.doors)
        while waiting:
            source = random.choice(waiting) if random else waiting[0]
            if await self.carry_one(source):
                waiting = list(self.doors)
            else:
                waiting.remove(source)


@pytest.fixture
async def house(api):
    return House(
        {
            name: await api(
                replace(
                    SAMPLE,
                    name=name,
                    scopes=tuple(f"{name}:{level}" for level in ("read", "write", "admin")),
                    adding=(),
                    self_approval=name == "campaigns",
                )
            )
            for name in (workspaces.OWNER, *COPIES)
        }
    )


@pytest.mark.parametrize("where", [workspaces.OWNER, *COPIES])
async def test_what_is_set_in_one_service_holds_in_all_in_one_version(house, where):
    settings = {"time_zone": "Asia/Shanghai", "locale": "zh-CN", "week_start": "sunday"}
    assert (await house.patch(where, settings)).status_code == 200
    await house.carry_all()
    assert (await house.patch(where, {"locale": "en"})).status_code == 200
    await house.carry_all()

    expected = settings | {"name": "acme", "locale": "en", "version": 3}
    for name in house.doors:
        own = {"allow_self_approval": False} if name == "campaigns" else {}
        assert await house.shown(name) == expected | own, name
    told = [event for event in await house.doors["feedback"].events() if event.type == "workspace.changed"]
    assert [event.data["changed"] for event in told] == [["time_zone", "locale", "week_start"], ["locale"]]
    assert [event.subject for event in told] == ["workspace/acme"] * 2


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_asked_at_once_ends_the_same_everywhere_and_nothing_else_is_lost(house, seed):
    random = Random(seed)
    for round in range(3):
        asked = {"metrics": {"time_zone": f"Etc/GMT+{round + 1}"}, "notifications": {"locale": f"de-{round}0"}}
        asked |= {
            "campaigns": {"allow_self_approval": round != 1},
            "feedback": {"week_start": ("sunday", "saturday")[round % 2]},
        }
        for name in random.sample(sorted(asked), 4):
            assert (await house.patch(name, asked[name])).status_code == 200
            for _ in range(random.randrange(4)):
                await house.carry_one(random.choice(list(house.doors)))
    await house.carry_all(random)

    own = await house.shown("campaigns")
    assert own.pop("allow_self_approval") is True
    assert (own["time_zone"], own["locale"], own["week_start"]) == ("Etc/GMT+3", "de-20", "sunday")
    for name in house.doors.keys() - {"campaigns"}:
        assert await house.shown(name) == own


async def test_two_who_set_the_same_at_once_end_with_what_the_owner_heard_last(house):
    for name, locale in (("metrics", "fr"), ("notifications", "de"), ("feedback", "it")):
        await house.patch(name, {"locale": locale})
    await house.carry_all()

    assert {(await house.shown(name))["locale"] for name in house.doors} == {"de"}


async def test_self_approval_is_the_own_of_one_service(house):
    for name in ("feedback", "metrics", "notifications"):
        refused = await house.patch(name, {"allow_self_approval": True})
        assert (refused.status_code, "allow_self_approval" in (await house.shown(name))) == (422, False)
    changed = await house.patch("campaigns", {"allow_self_approval": True})
    await house.carry_all()
    await house.patch("metrics", {"locale": "fr"})
    await house.carry_all()

    assert changed.json()["allow_self_approval"] is True
    assert (await house.shown("campaigns")).items() >= {
        "allow_self_approval": True,
        "locale": "fr",
        "version": 3,
    }.items()
    assert {(await house.shown(name))["version"] for name in house.doors} == {3}


async def test_what_changes_nothing_is_not_told(house):
    for name in house.doors:
        same = await house.patch(name, {"locale": "en", "time_zone": "UTC"})
        assert (same.status_code, same.headers["etag"], await house.doors[name].events()) == (200, '"1"', [])


async def test_a_copy_that_changes_again_before_the_answer_keeps_what_it_showed(house):
    first = await house.patch("metrics", {"locale": "fr"})
    await house.carry_one("metrics")
    second = await house.patch("metrics", {"week_start": "sunday"}, **{"If-Match": first.headers["etag"]})
    await house.carry_one("feedback")

    assert (await house.shown("metrics")).items() >= {"locale": "fr", "week_start": "sunday", "version": 3}.items()
    assert (await house.patch("metrics", {"locale": "de"}, **{"If-Match": second.headers["etag"]})).status_code == 200


async def test_a_copy_that_is_ahead_without_having_asked_goes_by_what_it_is_told_all_the_same(house):
    """As copies are that were set each on their own, before there was an owner."""
    metrics = house.doors["metrics"]
    for locale in ("fr", "de", "it"):
        await house.patch("metrics", {"locale": locale})
    metrics.clock.advance(120)
    await house.patch("feedback", {"time_zone": "Asia/Shanghai"})
    await house.carry_one("feedback")

    assert await house.shown("metrics") == await house.shown("feedback")


async def test_the_audit_log_of_each_service_has_the_change_and_one_thread_leads_to_who_made_it(house):
    await house.patch("metrics", {"locale": "fr"})
    await house.carry_all()

    threads = set()
    for name, door in house.doors.items():
        key = await door.key(f"{name}:admin")
        [entry] = (await door.client.get("/v1/audit?action=workspace.updated", headers=key)).json()["items"]
        assert (entry["before"], entry["after"]) == ({"locale": "en"}, {"locale": "fr"})
        assert entry["actor"].partition(":")[0] == ("key" if name == "metrics" else "system")
        threads.add(entry["correlationid"])
    assert len(threads) == 1


def test_a_consumer_listens_to_all_who_tell_what_it_hears():
    everybody = (workspaces.OWNER, *COPIES)

    assert set(sources_of({WorkspaceChangeRequested.type})) == set(COPIES)
    assert sources_of({WorkspaceChanged.type, CampaignApproved.type}) == ("feedback", "campaigns")
    assert set(sources_of({WorkspaceChangeRequested.type}, producers=("feedback", "metrics"))) == {
        "feedback",
        "metrics",
    }
    assert set(sources_of({"unheard.of"})) == set(sources_of({"*"})) == set(everybody)
