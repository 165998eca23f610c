"""Experience through the door: what clients of several kinds tell, with numbers worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from services.metrics.tests.asked import did, many
from services.metrics.tests.visitors import Site, at, measured, metric, of_version


@pytest_asyncio.fixture
async def site(world_with_store):
    return Site(world_with_store)


async def test_vitals_are_rated_by_their_75th_percentile(site):
    """LCP 1000, 2000, 3000, 5000: place (4 - 1) * 0.75 = 2.25, so 3000 + 0.25 * 2000 = 3500; 2 of 4 are good, one is poor."""
    await site.happened(
        *(measured("u1", f"03-01T10:0{place}", lcp=lcp) for place, lcp in enumerate((1_000, 5_000, 3_000, 2_000)))
    )

    found = (await site.experience())["vitals"]

    assert metric(found, "lcp") == {
        "metric": "lcp",
        "samples": 4,
        "p75": 3_500,
        "rating": "needs-improvement",
        "good": 0.5,
        "needs_improvement": 0.25,
        "poor": 0.25,
        "values": [3_500],
    }
    nothing = {"samples": 0, "p75": None, "rating": None, "good": None, "needs_improvement": None, "poor": None}
    assert metric(found, "inp") == {"metric": "inp", "values": [None]} | nothing


async def test_each_vendor_tells_vitals_in_its_own_way(site):
    """LCP: 1000 (PostHog), 2000 (Amplitude), 3000 (Umami), 4000 (by hand): place 2.25, so 3000 + 0.25 * 1000 = 3250."""
    key = site.world.headers["Authorization"].removeprefix("Bearer ")
    await site.browsed(
        "v1", "$web_vitals", "03-01T10:00", "/a", **{"$web_vitals_LCP_value": 1_000, "$web_vitals_CLS_value": 0.3}
    )
    amplitude = {
        "event_type": "[Amplitude] Web Vitals",
        "user_id": "user-1",
        "time": 1_772_359_200_000,
        "event_properties": {
            "[Amplitude] LCP": {"value": 2_000, "rating": "good"},
            "[Amplitude] TTFB": {"value": 900},
            "[Amplitude] Page URL": "https://shop.example/a",
        },
    }
    umami = {
        "type": "performance",
        "payload": {
            "website": key,
            "hostname": "shop.example",
            "url": "/a",
            "timestamp": 1_772_359_200,
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "lcp": 3_000,
            "inp": 120,
            "cls": 0.05,
            "fcp": 900,
            "ttfb": 100,
        },
    }
    for path, body in (("/2/httpapi", {"api_key": key, "events": [amplitude]}), ("/api/send", umami)):
        answer = await site.world.send("POST", path, json=body)
        assert answer.status_code == 200, answer.text
    await site.happened(measured("u1", "03-01T10:00", "/a", lcp=4_000))

    found = (await site.experience())["vitals"]

    assert [(each["metric"], each["samples"], each["p75"]) for each in found["metrics"]] == [
        ("lcp", 4, 3_250),
        ("inp", 1, 120),
        ("cls", 2, pytest.approx(0.05 + 0.75 * 0.25)),
        ("fcp", 1, 900),
        ("ttfb", 2, 100 + 0.75 * 800),
    ]
    assert [(each["page"], each["samples"]) for each in found["pages"]] == [("/a", 10)]


@pytest.mark.parametrize("value", ["2500", -1, None, True, [1], {"value": 1}], ids=repr)
async def test_what_is_no_measurement_is_no_sample(site, value):
    await site.happened(measured("u1", "03-01T10:00", lcp=value, inp=200))

    found = (await site.experience())["vitals"]

    assert [metric(found, name)["samples"] for name in ("lcp", "inp")] == [0, 1]
    assert [each["samples"] for each in found["pages"]] == [1]


async def test_vitals_by_page_and_interval(site):
    """`/b` has three samples (two LCP, one INP), `/a` and `/价格` two each, and come by their texts; the limit cuts `/价格`."""
    await site.happened(
        measured("u1", "03-01T10:00", "/b", lcp=1_000, inp=600),
        measured("u1", "03-03T10:00", "/b", lcp=3_000),
        measured("u1", "03-01T10:00", "/价格", lcp=1_000, inp=1),
        measured("u1", "03-01T10:00", "/a", lcp=5_000, fcp=100),
        measured("u1", "03-04T10:00", "/c", lcp=9_000),
    )

    found = (await site.experience(to="2026-03-03", limit=2))["vitals"]

    # the 1st: 1000, 1000, 5000: place 1.5, so 1000 + 0.5 * 4000
    assert metric(found, "lcp")["values"] == [3_000, None, 3_000]
    assert [(page["page"], page["samples"]) for page in found["pages"]] == [("/b", 3), ("/a", 2)]
    assert metric(found["pages"][0], "lcp") == {
        "metric": "lcp",
        "samples": 2,
        "p75": 2_500,
        "rating": "good",
        "good": 0.5,
        "needs_improvement": 0.5,
        "poor": 0.0,
    }
    assert metric(found["pages"][0], "inp")["rating"] == "poor"


async def test_clicks_by_kind_page_and_element(site):
    """u1 clicks 3 times in anger, u2 once without effect; three sessions (u1 has two): 3 / 3 and 1 / 3 for 1,000 each."""
    button = {"$el_text": "购买", "$elements": [{"tag_name": "button", "attr__id": "buy", "$el_text": "购买"}]}
    await site.browsed("u1", "$rageclick", "03-01T10:00", "/cart", **button)
    await site.browsed("u1", "$rageclick", "03-01T10:01", "/cart", **button)
    await site.happened(
        did("u1", "Rage Click", "03-01T12:00", **at("/", selector="#top", text="Top")),
        did("u2", "$mp_dead_click", "03-01T10:00", **at("/cart", **{"$el_tag_name": "img"})),
    )

    found = await site.experience()

    assert (found["people"], found["sessions"]) == (2, 3)
    assert found["clicks"] == {
        "rage": {"events": 3, "people": 1, "per_1000_sessions": 1_000},
        "dead": {"events": 1, "people": 1, "per_1000_sessions": pytest.approx(1_000 / 3)},
        "pages": [
            {"page": "/cart", "rage": 2, "dead": 1, "people": 2},
            {"page": "/", "rage": 1, "dead": 0, "people": 1},
        ],
        "elements": [
            {"page": "/cart", "text": "购买", "selector": "button#buy", "rage": 2, "dead": 0, "people": 1},
            {"page": "/", "text": "Top", "selector": "#top", "rage": 1, "dead": 0, "people": 1},
            {"page": "/cart", "text": None, "selector": "img", "rage": 0, "dead": 1, "people": 1},
        ],
    }


@pytest.mark.parametrize(
    ("event", "properties", "element"),
    [
        ("$rageclick", {"$elements": [{"tag_name": "a", "$el_text": "More"}]}, ("More", "a")),
        ("$dead_click", {"$elements_chain": 'img.logo:nth-child="1";div'}, (None, "img.logo")),
        (
            "[Amplitude] Rage Click",
            {"[Amplitude] Element Text": "Pay", "[Amplitude] Element Selector": "#pay"},
            ("Pay", "#pay"),
        ),
        ("[Amplitude] Dead Click", {"[Amplitude] Element Selector": "#x"}, (None, "#x")),
        ("$mp_rage_click", {"$el_text": "Go", "$el_tag_name": "button", "$el_id": "go"}, ("Go", "button#go")),
        ("Dead Click", {"text": "长" * 501, "selector": 7}, ("长" * 500, "7")),
        ("Rage Click", {"text": "", "selector": None, "$elements": "no list"}, None),
    ],
)
async def test_elements_are_told_in_many_ways(site, event, properties, element):
    await site.happened(did("u1", event, "03-01T10:00", **at("/", **properties)))

    found = (await site.experience())["clicks"]

    assert found["rage"]["events"] + found["dead"]["events"] == 1
    assert [(each["text"], each["selector"]) for each in found["elements"]] == ([element] if element else [])


async def test_errors_by_version(site):
    """Of 2.0: u1 fails in one of two sessions, u2 in none, so 1 / 2 of people and 2 / 3 of sessions are free of errors.

    Of 1.0: u3 alone fails, twice in his one session. Nobody tells his version of u4, and nothing fails. In all 2 of 4 people and
    3 of 5 sessions.
    """
    await site.happened(
        *many("u1", "open", ["03-01T08:00", "03-01T10:00"], **of_version("2.0")),
        did("u1", "Error", "03-01T10:05", **of_version("2.0")),
        did("u2", "open", "03-01T08:00", **of_version("2.0")),
        did("u3", "Error", "03-01T08:00", **of_version("1.0")),
        did("u3", "Application Crashed", "03-01T08:01", **of_version("1.0")),
        did("u4", "open", "03-01T08:00"),
    )

    found = await site.experience()

    def row(version, events, people, sessions, active_people, active_sessions):
        return {
            "version": version,
            "events": events,
            "people": people,
            "sessions": sessions,
            "active_people": active_people,
            "active_sessions": active_sessions,
            "crash_free_people": (active_people - people) / active_people,
            "crash_free_sessions": (active_sessions - sessions) / active_sessions,
        }

    assert found["errors"]["total"] == row(None, 3, 2, 2, 4, 5)
    assert found["errors"]["versions"] == [
        row("2.0", 1, 1, 1, 2, 3),
        row("$none", 0, 0, 0, 1, 1),
        row("1.0", 2, 1, 1, 1, 1),
    ]
    assert [each["version"] for each in (await site.experience(limit=1))["errors"]["versions"]] == ["2.0"]


async def test_a_session_that_goes_over_to_another_version_is_of_both(site):
    """One session: opened with 1.0, fails with 2.0. 1.0 has met no error; the session in all has."""
    await site.happened(
        did("u1", "open", "03-01T10:00", **of_version("1.0")), did("u1", "Error", "03-01T10:20", **of_version("2.0"))
    )

    found = (await site.experience())["errors"]

    assert (found["total"]["active_sessions"], found["total"]["sessions"]) == (1, 1)
    assert [(each["version"], each["active_sessions"], each["sessions"]) for each in found["versions"]] == [
        ("1.0", 1, 0),
        ("2.0", 1, 1),
    ]


async def test_a_session_counts_where_it_begins(site):
    """It begins at 23:50 of the 1st and fails at 00:10 of the 2nd: the 1st has a failed session and no error yet, the 2nd the error."""
    await site.happened(did("u1", "open", "03-01T23:50"), did("u1", "Error", "03-02T00:10"))

    first, second = [
        (await site.experience(**{"from": day, "to": day}))["errors"]["total"] for day in ("2026-03-01", "2026-03-02")
    ]

    assert (first["active_sessions"], first["sessions"], first["events"], first["crash_free_people"]) == (1, 1, 0, 1.0)
    assert (second["active_sessions"], second["sessions"], second["events"], second["crash_free_people"]) == (
        0,
        0,
        1,
        0.0,
    )
    assert second["crash_free_sessions"] is None


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ("no row 17", "no row 4,200.5", "no row #"),
        ("at 0x7fFe in f", "at 0x1 in f", "at # in f"),
        ("order 018f3a2b-1111-7abc-8def-0123456789ab", "order 018f3a2b-2222-7abc-8def-0123456789ab", "order #"),
        ("第3行出错", "第12行出错", "第#行出错"),
        ("v2", "v10", "v#"),
    ],
)
async def test_messages_that_differ_in_numbers_are_one(site, one, other, said):
    await site.happened(
        *(
            did(f"u{place}", "Error", "03-01T10:00", **at("/", type="E", message=text))
            for place, text in enumerate((one, other))
        )
    )

    assert (await site.experience())["errors"]["kinds"] == [{"type": "E", "message": said, "events": 2, "people": 2}]


async def test_kinds_of_errors_by_their_number(site):
    exception = {"type": "TypeError", "value": "x is undefined", "mechanism": {"handled": False}}
    await site.browsed("u1", "$exception", "03-01T10:00", "/", **{"$exception_list": [exception, {"type": "Cause"}]})
    await site.browsed("u2", "$exception", "03-01T10:00", "/", **{"$exception_list": [exception]})
    old = {"$exception_type": "TypeError", "$exception_message": "x is undefined"}
    await site.browsed("u2", "$exception", "03-01T10:01", "/", **old)
    derived = {"$exception_types": ["RangeError"], "$exception_values": ["too far"]}
    await site.browsed("u2", "$exception", "03-01T10:02", "/", **derived)
    await site.happened(did("u3", "Application Crashed", "03-01T10:00"))

    found = await site.experience()

    assert [tuple(each.values()) for each in found["errors"]["kinds"]] == [
        ("TypeError", "x is undefined", 3, 2),
        (None, None, 1, 1),
        ("RangeError", "too far", 1, 1),
    ]
