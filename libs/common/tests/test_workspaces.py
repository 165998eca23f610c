"""A workspace's settings are set once, wherever that is asked for, and hold in every service."""

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import text

from opsloop_common import workspaces
from opsloop_common.bus.topics import sources_of
from opsloop_common.contracts.campaigns import CampaignApproved
from opsloop_common.contracts.workspace import WorkspaceChanged, WorkspaceChangeRequested
from opsloop_common.testing.events import deliver
from opsloop_common.testing.sample.service import SAMPLE

COPIES = ("metrics", "campaigns", "notifications")
PATH = "/v1/workspace"
WISHES = (
    {"time_zone": "Asia/Shanghai", "locale": "zh-CN", "week_start": "monday"},
    {"time_zone": "UTC", "locale": "fr", "week_start": "sunday"},
    {"time_zone": "Asia/Shanghai", "locale": "en", "week_start": "saturday"},
)


class House:
    """Four services on four databases, and what their events do when they arrive."""

    def __init__(self, doors):
        self.doors, self.heard, self.keys = doors, dict.fromkeys(doors, 0), {}

    async def key(self, name, right):
        """Return the headers of a service's key with a right, made once."""
        if (name, right) not in self.keys:
            self.keys[name, right] = await self.doors[name].key(f"{name}:{right}", name=right)
        return self.keys[name, right]

    async def patch(self, name, changes, **headers):
        return await self.doors[name].client.patch(PATH, json=changes, headers=await self.key(name, "admin") | headers)

    async def shown(self, name):
        body = (await self.get(name)).json()
        return {field: value for field, value in body.items() if field not in ("created_at", "updated_at")}

    async def get(self, name):
        return await self.doors[name].client.get(PATH, headers=await self.key(name, "read"))

    @staticmethod
    def content(answer):
        """Return the settings of an answer that all services have."""
        return {field: answer.json()[field] for field in workspaces.SHARED}

    async def told(self, name):
        return [event for event in await self.doors[name].events() if event.type.startswith("workspace.")]

    async def carry_one(self, source):
        """Carry the next event of a service to all, as one bus or the other does; returns it, or None when there was none."""
        events = await self.told(source)
        if self.heard[source] == len(events):
            return None
        event = events[self.heard[source]]
        self.heard[source] += 1
        for name, door in self.doors.items():
            await deliver(door.db, workspaces.subscription(name), event)
            await deliver(door.db, workspaces.subscription(name), event)
        return event

    async def carry_all(self, random=None):
        waiting = list(self.doors)
        while waiting:
            source = random.choice(waiting) if random else waiting[0]
            if await self.carry_one(source):
                waiting = list(self.doors)
            else:
                waiting.remove(source)


SERVICES = {
    name: replace(
        SAMPLE,
        name=name,
        scopes=tuple(f"{name}:{level}" for level in ("read", "write", "admin")),
        adding=(),
        self_approval=name == "campaigns",
    )
    for name in (workspaces.OWNER, *COPIES)
}
"""Made once: the routes of a service are kept by what it is."""


@pytest.fixture
async def house(api):
    return House({name: await api(service) for name, service in SERVICES.items()})


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


async def test_a_copy_goes_by_what_it_is_told_once_its_own_request_must_have_been_thrown_away(house):
    metrics = house.doors["metrics"]
    for locale in ("fr", "de", "it"):
        await house.patch("metrics", {"locale": locale})
    metrics.clock.advance(workspaces.ANSWERED_WITHIN.total_seconds() + 1)
    await house.patch("feedback", {"time_zone": "Asia/Shanghai"})
    await house.carry_one("feedback")

    assert await house.shown("metrics") == await house.shown("feedback")


async def test_a_copy_that_is_ahead_without_having_asked_goes_by_what_it_is_told_all_the_same(house):
    """As copies are that were set each on their own, before there was an owner."""
    await house.shown("metrics")
    async with house.doors["metrics"].db.transaction() as session:
        await session.execute(text("UPDATE workspace SET locale = 'it', version = 4"))
    await house.patch("feedback", {"time_zone": "Asia/Shanghai"})
    await house.carry_one("feedback")

    assert await house.shown("metrics") == await house.shown("feedback")


async def test_what_another_changed_meanwhile_is_another_content_under_another_name(house):
    await house.patch("metrics", {"locale": "fr"})
    answer = await house.patch("notifications", {"time_zone": "Asia/Shanghai"})
    await house.carry_one("metrics")
    await house.carry_one("feedback")

    shown = await house.get("notifications")
    assert (shown.json()["time_zone"], shown.json()["locale"]) == ("Asia/Shanghai", "fr")
    assert shown.headers["etag"] != answer.headers["etag"]
    stale = await house.patch("notifications", {"locale": "de"}, **{"If-Match": answer.headers["etag"]})
    assert stale.status_code == 412


async def test_a_change_that_is_answered_without_another_keeps_the_name_that_it_was_answered_with(house):
    answer = await house.patch("metrics", {"locale": "fr"})
    elsewhere = await house.patch("feedback", {"locale": "de"}, **{"If-Match": answer.headers["etag"]})
    await house.carry_all()

    assert elsewhere.status_code == 412
    assert (await house.get("metrics")).headers["etag"] == (await house.get("feedback")).headers["etag"] == '"2"'
    for tag in (answer.headers["etag"], '"2"'):
        same = await house.patch("metrics", {"locale": "fr"}, **{"If-Match": tag})
        assert same.status_code == 200


async def test_a_later_answer_answers_what_was_asked_before_it_too(house):
    """An operator threw the first request away."""
    await house.patch("metrics", {"locale": "fr"})
    house.heard["metrics"] = 1
    await house.patch("metrics", {"week_start": "sunday"})
    await house.carry_all()

    assert (await house.shown("metrics"))["week_start"] == "sunday"
    assert await house.shown("metrics") == await house.shown("notifications")


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(6, 24))])
async def test_in_any_order_a_name_has_one_content_and_who_asked_reads_what_they_wrote_until_it_is_answered(
    house, seed
):
    random = Random(f"names {seed}")
    contents, seen, unanswered = {}, {}, {name: {} for name in COPIES}
    for _ in range(40):
        name = random.choice(list(house.doors))
        if random.random() < 0.4:
            changes = dict(random.sample(sorted(random.choice(WISHES).items()), random.randrange(1, 3)))
            tag, content = seen.get(name, (None, None))
            before = await house.get(name)
            answer = await house.patch(name, changes, **({"If-Match": tag} if tag else {}))
            if answer.status_code == 412:
                assert before.headers["etag"] != tag
            else:
                assert answer.status_code == 200
                assert content in (None, House.content(before))
                assert answer.json().items() >= changes.items()
                if name in COPIES and answer.headers["etag"] != before.headers["etag"]:
                    request = (await house.told(name))[-1]
                    unanswered[name] |= {field: (changes[field], str(request.id)) for field in request.data["changed"]}
        elif (event := await house.carry_one(name)) and name == workspaces.OWNER:
            for asked in unanswered.values():
                if event.causationid in {request for _, request in asked.values()}:
                    for field in [field for field, (_, request) in asked.items() if request <= event.causationid]:
                        del asked[field]
        for each in house.doors:
            shown = await house.get(each)
            tag, content = shown.headers["etag"], House.content(shown)
            assert contents.setdefault(tag, content) == content, f"{tag} names two contents"
            assert content.items() >= {field: value for field, (value, _) in unanswered.get(each, {}).items()}.items()
            if random.random() < 0.3:
                seen[each] = (tag, content)
    await house.carry_all(random)

    ends = [await house.get(name) for name in house.doors]
    assert len({(end.headers["etag"], end.json()["version"], *House.content(end).values()) for end in ends}) == 1


async def test_the_audit_log_of_each_service_has_the_change_and_one_thread_leads_to_who_made_it(house):
    await house.patch("metrics", {"locale": "fr"})
    await house.carry_all()

    threads = set()
    for name, door in house.doors.items():
        asked = door.client.get("/v1/audit?action=workspace.updated", headers=await house.key(name, "admin"))
        [entry] = (await asked).json()["items"]
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
