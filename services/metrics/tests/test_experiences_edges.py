"""Experience through the door: where it hurts most, whom it counts, and what cannot be asked."""

from __future__ import annotations

import pytest
import pytest_asyncio

from opsloop_metrics.experiences import queries
from services.metrics.tests.analyst import BOT
from services.metrics.tests.asked import did, identified
from services.metrics.tests.visitors import DAY, Site, at, measured, metric, of_version


@pytest_asyncio.fixture
async def site(world_with_store):
    return Site(world_with_store)


async def test_friction_is_the_share_of_all_who_met_trouble_on_the_page(site):
    """Four people. `/cart`: u1 (rage, twice), u2 (an error), u3 (poor LCP and dead click), u4 (good LCP) were there: 3 of 4, reach 4 / 4.

    `/`: u1 and u2, of whom u2's click was dead: 1 of 2, reach 2 / 4. `/pay`: u1 alone, and it failed: 1 of 1, reach 1 / 4; the score is
    the same. `/calm`: nobody met trouble.
    """
    await site.happened(
        did("u1", "/cart", "03-01T10:00"),
        did("u1", "Rage Click", "03-01T10:01", **at("/cart")),
        did("u1", "Rage Click", "03-01T10:02", **at("/cart")),
        did("u2", "Error", "03-01T10:00", **at("/cart")),
        measured("u3", "03-01T10:00", "/cart", lcp=4_001, inp=1),
        did("u3", "Dead Click", "03-01T10:01", **at("/cart")),
        measured("u4", "03-01T10:00", "/cart", lcp=4_000, inp=500),
        did("u1", "Error", "03-01T10:03", **at("/pay")),
        did("u1", "/", "03-01T10:04"),
        did("u2", "Dead Click", "03-01T10:04", **at("/")),
        did("u4", "/calm", "03-01T10:04"),
    )

    found = (await site.experience())["friction"]

    names = ("page", "people", "troubled", "rage", "dead", "errors", "poor_vitals", "share", "reach", "score")
    assert [tuple(each[name] for name in names) for each in found] == [
        ("/cart", 4, 3, 1, 1, 1, 1, 0.75, 1.0, 0.75),
        ("/", 2, 1, 0, 1, 0, 0, 0.5, 0.5, 0.25),
        ("/pay", 1, 1, 0, 0, 1, 0, 1.0, 0.25, 0.25),
    ]
    assert [each["page"] for each in (await site.experience(limit=2))["friction"]] == ["/cart", "/"]


async def test_screens_go_by_their_title_and_what_has_no_page_has_no_friction(site):
    await site.happened(
        did("u1", "", "03-01T10:00", type="screen", name="结账"),
        did("u1", "Error", "03-01T10:01", properties={"title": "结账"}),
        did("u1", "Rage Click", "03-01T10:01"),
    )

    found = await site.experience()

    assert [(each["page"], each["troubled"]) for each in found["friction"]] == [("结账", 1)]
    assert [each["page"] for each in found["clicks"]["pages"]] == ["$none"]


async def test_as_csv(site):
    await site.happened(did("u1", "Error", "03-01T10:00", **at("/a")), did("u2", "/a", "03-01T10:00"))

    table = await site.csv("experience", **DAY)

    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.splitlines() == [
        "page,score,share,reach,people,troubled,rage,dead,errors,poor_vitals",
        "/a,0.5,0.5,1.0,2,1,0,0,1,0",
    ]


async def test_nobody_came(site):
    found = await site.experience(to="2026-03-02")

    assert (found["people"], found["sessions"], found["friction"], len(found["intervals"])) == (0, 0, [], 2)
    assert found["clicks"] == {
        "rage": {"events": 0, "people": 0, "per_1000_sessions": None},
        "dead": {"events": 0, "people": 0, "per_1000_sessions": None},
        "pages": [],
        "elements": [],
    }
    assert found["errors"]["total"]["crash_free_people"] is None
    assert (found["errors"]["versions"], found["errors"]["kinds"], found["vitals"]["pages"]) == ([], [], [])
    assert [(each["samples"], each["values"]) for each in found["vitals"]["metrics"]] == [(0, [None, None])] * 5


async def test_what_nobody_did_is_an_event_and_no_person(site):
    """The one session is u1's, with one rage click: 1,000 for 1,000 sessions, though there were two clicks."""
    await site.browsed("u1", "$rageclick", "03-01T10:00", "/")
    for event in ("$rageclick", "$exception"):
        await site.browsed("nobody", event, "03-01T10:00", "/", is_personless=True)
    await site.browsed(
        "nobody", "$web_vitals", "03-01T10:00", "/", is_personless=True, **{"$web_vitals_LCP_value": 9_000}
    )

    found = await site.experience()

    assert found["clicks"]["rage"] == {"events": 2, "people": 1, "per_1000_sessions": 1_000}
    assert found["clicks"]["pages"] == [{"page": "/", "rage": 2, "dead": 0, "people": 1}]
    assert (found["people"], found["sessions"]) == (1, 1)
    assert (found["errors"]["total"]["events"], found["errors"]["total"]["people"]) == (1, 0)
    assert [each["people"] for each in found["errors"]["kinds"]] == [0]
    assert metric(found["vitals"], "lcp")["samples"] == 1
    assert [(each["people"], each["errors"], each["poor_vitals"]) for each in found["friction"]] == [(1, 0, 0)]


async def test_merged_people_are_one_and_bots_none(site):
    await site.happened(
        did("~a1", "Rage Click", "03-01T10:00", **at("/")),
        did("u1", "Error", "03-01T10:10", **at("/")),
        did("b1", "Error", "03-01T10:00", **at("/") | BOT),
    )
    assert (await site.experience())["people"] == 2
    assert (await site.experience(include_filtered=True))["people"] == 3

    await site.happened(identified("u1", "03-09T10:00", was="~a1"))

    found = await site.experience()
    assert (found["people"], found["sessions"], found["errors"]["total"]["sessions"]) == (1, 1, 1)
    assert [(each["people"], each["rage"], each["errors"]) for each in found["friction"]] == [(1, 1, 1)]
    assert (found["clicks"]["rage"]["people"], found["errors"]["total"]["people"]) == (1, 1)


async def test_where_comes_first(site):
    await site.happened(
        did("u1", "Error", "03-01T10:00", **at("/a")),
        did("u2", "Error", "03-01T10:00", **at("/b")),
        identified("u1", "03-01T09:00", plan="pro"),
        measured("u2", "03-01T10:00", "/a", lcp=1),
    )

    for where in (
        {"field": "path", "op": "eq", "value": "/b"},
        {"field": "person.plan", "op": "exists", "value": False},
    ):
        found = await site.experience(where=[where])
        assert (found["people"], [each["page"] for each in found["friction"]]) == (1, ["/b"])


async def test_days_of_shanghai_and_whole_intervals(site):
    """15:30 UTC is 23:30 of the 1st in Shanghai, 16:30 is the 2nd; hours before `from` within its day are read."""
    await site.happened(measured("u1", "03-01T15:30", lcp=1_000), measured("u1", "03-01T16:30", lcp=2_000))

    found = await site.experience(**{"from": "2026-03-01T12:00:00Z", "to": "2026-03-02"}, time_zone="Asia/Shanghai")

    assert found["intervals"] == ["2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z"]
    assert metric(found["vitals"], "lcp")["values"] == [1_000, 2_000]
    assert found["incomplete_from"] is None


async def test_another_workspace_sees_nothing(site):
    await site.happened(did("u1", "Error", "03-01T10:00", **at("/")), measured("u1", "03-01T10:00", lcp=1))
    site.world.headers = await site.world.api.key("metrics:read", workspace="other")

    found = await site.experience()

    assert (found["people"], found["friction"], found["errors"]["total"]["events"]) == (0, [], 0)
    assert metric(found["vitals"], "lcp")["samples"] == 0


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"from": "2026-03-02"}, "/to"),
        ({"limit": 0}, "/limit"),
        ({"limit": 101}, "/limit"),
        ({"interval": "year"}, "/interval"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"where": [{"field": "colour", "op": "eq", "value": "red"}]}, "/where/0/field"),
        ({"metrics": ["lcp"]}, "/metrics"),
    ],
)
async def test_what_cannot_be_meant(site, wrong, pointer):
    assert (await site.refused("experience", **DAY | wrong))[0][0] == pointer


async def test_what_strangers_write_is_only_text(site):
    hostile = "'); DROP TABLE event; -- {x:String} \\1 \\' %s"
    await site.happened(
        did("u1", "Error", "03-01T10:00", **at("/", type=hostile, message=hostile * 100)),
        did("u1", "Rage Click", "03-01T10:00", **at("/", text=hostile, selector=hostile)),
        did("u1", "Error", "03-01T10:00", **at("/") | of_version(hostile)),
    )

    found = await site.experience()

    assert found["clicks"]["elements"][0]["text"] == hostile
    assert hostile in [each["type"] for each in found["errors"]["kinds"]]
    assert [each["version"] for each in found["errors"]["versions"]] == ["$none", hostile]
    assert max(len(each["message"] or "") for each in found["errors"]["kinds"]) <= 500


@pytest.mark.parametrize(("gone", "left"), [(["u1"], [("/a", 1, 1.0)]), (["u1", "u2"], []), (["u3"], [("/a", 2, 1.0)])])
@pytest.mark.parametrize("place", [1, 2])
async def test_people_who_are_erased_between_two_statements(site, store, monkeypatch, gone, left, place):
    """Asked whom trouble met, and then who was there at all: a page of nobody is left out, and no share is above 1."""
    await site.happened(
        did("u1", "Error", "03-01T10:00", **at("/a")),
        did("u2", "Error", "03-01T10:00", **at("/a")),
        did("u3", "/b", "03-01T10:00"),
    )
    asked, ask, told = 0, queries.ask, queries._friction

    async def friction(*given):
        async def asks(*query):
            nonlocal asked
            asked += 1
            if asked == place:
                await store.change(
                    f"ALTER TABLE opsloop.event DELETE WHERE distinct_id IN ({', '.join(map(repr, gone))})"
                )
            return await ask(*query)

        monkeypatch.setattr(queries, "ask", asks)
        return await told(*given)

    monkeypatch.setattr(queries, "_friction", friction)

    found = (await site.experience())["friction"]

    assert asked == 2
    assert [(each["page"], each["people"], each["share"]) for each in found] == left
