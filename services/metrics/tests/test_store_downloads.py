"""Downloads as stores report them: columns of each, the latest file, rows that repeat, and beside sign-ups."""

from __future__ import annotations

import asyncio
from datetime import UTC, date
from random import Random

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_metrics.store_downloads import rules
from opsloop_metrics.store_downloads import service as store_downloads
from opsloop_metrics.store_downloads.rules import Downloads, missing
from services.metrics.tests.asked import Insights, did
from services.metrics.tests.event_imports import PATH, counts, imports
from services.metrics.tests.shop import refusal

__all__ = ["imports"]
LIST = "/v1/store-downloads"
_WAITING = text(
    "SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database "
    "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted)"
)
HEAD = "day,store,app,country,downloads\n"
APPLE = (
    "Provider\tProvider Country\tSKU\tDeveloper\tTitle\tVersion\tProduct Type Identifier\tUnits\tDeveloper Proceeds\tBegin Date\t"
    "End Date\tCustomer Currency\tCountry Code\tCurrency of Proceeds\tApple Identifier\tDevice\n"
)
GOOGLE = "Date,Package Name,Country,Daily Device Installs,Daily Device Uninstalls,Daily User Installs,Active Device Installs\n"


def apple(version, type, units, country="CN", device="iPhone", day="03/01/2026"):
    return f"APPLE\tUS\ts1\tA Developer\t应用\t{version}\t{type}\t{units}\t0\t{day}\t{day}\tCNY\t{country}\tCNY\t123\t{device}\n"


def google(day, country, installs):
    return f"{day},com.example,{country},{installs + 5},1,{installs},900\n"


async def listed(imports, **params):
    found = (await imports.world.get(LIST, **params))["items"]
    return [(each["day"], each["store"], each["app"], each["country"], each["downloads"]) for each in found]


def read_row(row):
    return rules.read_row(row, UTC)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("row", "read"),
    [
        (
            {"day": "2026-03-01", "store": "app_store", "app": "a", "country": "cn", "downloads": "5"},
            (date(2026, 3, 1), "app_store", "a", "CN", 5),
        ),
        (
            {"日期": "2026-03-01", "商店": "华为", "应用": "a", "国家": "CN", "下载量": "7"},
            (date(2026, 3, 1), "华为", "a", "CN", 7),
        ),
        (
            {"Date": "2026-03-01", "Package Name": "com.example", "Country": "DE", "Daily User Installs": "8"},
            (date(2026, 3, 1), "google_play", "com.example", "DE", 8),
        ),
        (
            {"Begin Date": "03/01/2026", "Apple Identifier": "123", "Country Code": "CN", "Units": "9"},
            (date(2026, 3, 1), "app_store", "123", "CN", 9),
        ),
        ({"day": "20260301", "store": "s", "app": "a", "downloads": "5.0"}, (date(2026, 3, 1), "s", "a", "", 5)),
        ({"day": "2026-03-01", "store": "s", "app": "a", "downloads": "0"}, (date(2026, 3, 1), "s", "a", "", 0)),
        ({"day": "2026/3/1", "store": "s", "app": "a", "downloads": "1"}, (date(2026, 3, 1), "s", "a", "", 1)),
        ({"day": "2026/03/01 09:30", "store": "s", "app": "a", "downloads": "1"}, (date(2026, 3, 1), "s", "a", "", 1)),
    ],
    ids=str,
)
def test_columns_of_each_store(row, read):
    found = read_row(row)

    assert missing(list(row)) == []
    assert (found.day, found.store, found.app, found.country, found.downloads) == read


@pytest.mark.quick
@pytest.mark.parametrize(
    ("type", "counted"),
    [("1", 4), ("1F", 4), ("1T", 4), ("F1", 4), ("3F", 0), ("7", 0), ("7F", 0), ("IA1", 0), ("IAY", 0), ("", 4)],
)
def test_of_the_app_store_first_downloads_count(type, counted):
    row = {"Begin Date": "03/01/2026", "Apple Identifier": "1", "Product Type Identifier": type, "Units": "4"}

    assert read_row(row | ({} if type else {"Product Type Identifier": "1"})).downloads == counted


@pytest.mark.quick
def test_what_is_no_download_counts_nothing_whatever_its_number():
    row = {"Begin Date": "03/01/2026", "Apple Identifier": "1", "Product Type Identifier": "IA1", "Units": "-4"}

    assert read_row(row).downloads == 0


@pytest.mark.quick
def test_rows_of_other_versions_are_others_and_counts_do_not_matter():
    row = {"day": "2026-03-01", "store": "s", "app": "a", "downloads": "5", "version": "1"}
    detail = read_row(row).detail

    assert read_row(row | {"downloads": "6"}).detail == detail
    assert read_row(row | {"version": "2"}).detail != detail


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"day": ""}, "bad_time", "day"),
        ({"day": "32/01/2026"}, "bad_time", "day"),
        ({"day": "0001-01-01"}, "bad_time", "day"),
        ({"store": ""}, "missing_id", "store"),
        ({"app": ""}, "missing_id", "app"),
        ({"app": "a" * 201}, "too_large", "app"),
        ({"downloads": ""}, "bad_properties", "whole number"),
        ({"downloads": "1,000"}, "bad_properties", "thousands"),
        ({"downloads": "-3"}, "bad_properties", "0 or more"),
        ({"downloads": "-3.0"}, "bad_properties", "0 or more"),
        ({"downloads": "1.5"}, "bad_properties", "whole number"),
        ({"downloads": "9" * 13}, "bad_properties", "whole number"),
    ],
    ids=str,
)
def test_a_row_is_refused_by_name(changed, reason, words):
    row = {"day": "2026-03-01", "store": "s", "app": "a", "country": "CN", "downloads": "5"}

    found, detail = refusal(read_row, row | changed)

    assert (found, words in detail) == (reason, True), detail


@pytest.mark.quick
@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        (HEAD.strip().split(","), []),
        (APPLE.strip().split("\t"), []),
        (GOOGLE.strip().split(","), []),
        (["day", "app", "downloads"], ["store"]),
        (["store"], ["day", "app", "downloads"]),
    ],
)
def test_columns_that_lack(names, lacking):
    assert missing(names) == lacking


async def test_reports_of_both_stores(imports):
    """The App Store's 1st: 3 + 2 of two versions and 1 of another device are 6, four updates nothing. Google Play: 8 people."""
    report = APPLE + apple("1.0", "1F", 3) + apple("1.1", "1F", 2) + apple("1.1", "1F", 1, device="iPad")
    report += apple("1.1", "7F", 4) + apple("1.1", "1F", 5, country="US")

    first = await imports.run(report, format="store_downloads", kind={"Content-Type": "text/tab-separated-values"})
    second = await imports.run(GOOGLE + google("2026-03-02", "CN", 8), format="store_downloads")

    assert counts(first) == {"rows": 5, "stored": 5, "known": 0, "refused": 0}
    assert second["stored"] == 1
    assert await listed(imports) == [
        ("2026-03-02", "google_play", "com.example", "CN", 8),
        ("2026-03-01", "app_store", "123", "CN", 6),
        ("2026-03-01", "app_store", "123", "US", 5),
    ]


async def test_rows_that_repeat_count_once_and_the_latest_file_wins(imports):
    """Two versions of the first file, 3 + 4, give way to the second's one row of 5; another country stays."""
    row = "2026-03-01,s,a,CN,3,1\n"
    head = HEAD.strip() + ",version\n"
    await imports.run(head + row + row + "2026-03-01,s,a,CN,4,2\n2026-03-01,s,a,US,9,1\n", format="store_downloads")
    assert await listed(imports, country="CN") == [("2026-03-01", "s", "a", "CN", 7)]

    corrected = await imports.run(head + "2026-03-01,s,a,CN,5,1\n", format="store_downloads")

    assert counts(corrected) == {"rows": 1, "stored": 1, "known": 0, "refused": 0}
    assert await listed(imports) == [("2026-03-01", "s", "a", "CN", 5), ("2026-03-01", "s", "a", "US", 9)]


async def test_of_files_that_wait_the_one_that_came_last_wins(imports):
    """Both were uploaded before either was read, in whatever order the jobs run."""
    for count in (3, 5):
        await imports.upload(HEAD + f"2026-03-01,s,a,CN,{count}\n", format="store_downloads")

    await imports.tick()

    assert await listed(imports) == [("2026-03-01", "s", "a", "CN", 5)]


@pytest.mark.parametrize("first", [0, 1], ids=["the earlier is read first", "the later is read first"])
async def test_of_files_that_are_read_side_by_side_the_one_that_came_last_wins(imports, first):
    """3 of one version and 5 of another: one transaction is open while the other begins; it is 5, never 8."""
    db, acme = imports.world.api.db, Context("acme")
    files = [(uuid7(), Downloads(date(2026, 3, 1), "s", "a", "CN", count, f"v{count}")) for count in (3, 5)]
    (id, row), (other_id, other_row) = files[first], files[1 - first]

    async def beside():
        async with db.transaction(acme) as session:
            await store_downloads.take_row(session, other_row, import_id=other_id)

    async with db.transaction(acme) as session:
        await store_downloads.take_row(session, row, import_id=id)
        other = asyncio.create_task(beside())
        async with asyncio.timeout(20), db.transaction(acme) as watching:
            while not other.done() and not await watching.scalar(_WAITING):
                pass
    await other

    assert await listed(imports) == [("2026-03-01", "s", "a", "CN", 5)]


async def test_what_a_file_brought_is_taken_back(imports):
    made = await imports.run(HEAD + "2026-03-01,s,a,CN,3\n2026-03-02,s,a,CN,x\n", format="store_downloads")
    assert [(error["row"], error["reason"]) for error in await imports.errors(made["id"])] == [(3, "bad_properties")]

    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    assert ((await imports.shown(made["id"]))["stage"], await listed(imports)) == ("undone", [])


async def test_a_preview_shows_what_would_be_read(imports):
    answer = await imports.send("POST", f"{PATH}/preview", APPLE + apple("1", "1F", 3), format="store_downloads")

    [row] = answer.json()["rows"]
    assert answer.json()["delimiter"] == "\t"
    assert {name: row["properties"][name] for name in ("day", "store", "downloads")} == {
        "day": "2026-03-01",
        "store": "app_store",
        "downloads": 3,
    }


@pytest.fixture
async def march(imports):
    """Sunday 1 March to Tuesday 3 March, and 1 April: 1 + 2 in China and 4 in America, 8 in April."""
    rows = ["2026-03-01,s,a,CN,1", "2026-03-02,s,a,US,4", "2026-03-03,t,b,CN,2", "2026-04-01,s,a,CN,8"]
    await imports.run(HEAD + "\n".join(rows) + "\n", format="store_downloads")
    return imports


@pytest.mark.parametrize(
    ("params", "sums"),
    [
        ({}, {"2026-04-01": 8, "2026-03-03": 2, "2026-03-02": 4, "2026-03-01": 1}),
        ({"interval": "week"}, {"2026-03-30": 8, "2026-03-02": 6, "2026-02-23": 1}),
        ({"interval": "month"}, {"2026-04-01": 8, "2026-03-01": 7}),
        ({"interval": "month", "country": "CN"}, {"2026-04-01": 8, "2026-03-01": 3}),
        ({"interval": "month", "store": "t"}, {"2026-03-01": 2}),
        ({"interval": "month", "app": "a", "from": "2026-03-02", "to": "2026-03-31"}, {"2026-03-01": 4}),
    ],
    ids=str,
)
async def test_sums(march, params, sums):
    found = (await march.world.get(f"{LIST}/sums", **params))["items"]

    assert {each["start"]: each["downloads"] for each in found} == sums


@pytest.mark.parametrize("path", [LIST, f"{LIST}/sums"])
async def test_lists_are_paged(march, path):
    pages, cursor = [], {}
    while cursor is not None:
        page = await march.world.get(path, limit=1, **cursor)
        pages += page["items"]
        cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}

    assert pages == (await march.world.get(path))["items"]
    assert len(pages) == 4


@pytest.mark.parametrize(("name", "value"), [("interval", "year"), ("from", "2026-02-30"), ("to", "soon")])
async def test_what_is_no_day_and_no_interval_is_refused_by_name(march, name, value):
    answer = await march.world.send("GET", f"{LIST}/sums", params={name: value})

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [f"/query/{name}"])


async def test_another_workspace_sees_nothing(march):
    march.world.headers = await march.world.api.key("metrics:read", workspace="other")

    assert (await listed(march), (await march.world.get(f"{LIST}/sums"))["items"]) == ([], [])


async def test_downloads_beside_sign_ups(march):
    """March: 7 downloads, of which two people signed up, one twice: 2/7."""
    insights = Insights(march.world)
    await insights.happened(*(did(who, "Signed up", "03-02T10:00") for who in ("u1", "u2", "u2")))
    days = {"from": "2026-03-01", "to": "2026-03-03"}

    alone = await insights.ask("revenue", **days)
    found = await insights.ask("revenue", **days, signup={"event": "Signed up"})

    assert (alone["downloads"], alone["signups"]) == ([1, 4, 2], None)
    assert (found["downloads"], found["signups"], found["download_conversion"]) == ([1, 4, 2], [0, 2, 0], [0, 0.5, 0])
    assert (found["totals"]["downloads"], found["totals"]["download_conversion"]) == (7, 2 / 7)
    table = await insights.csv("revenue", **days, signup={"event": "Signed up"})
    assert table.text.splitlines()[0].endswith(",downloads,signups,download_conversion")


async def test_a_day_of_downloads_is_the_zones(march):
    insights = Insights(march.world)

    found = await insights.ask("revenue", **{"from": "2026-03-01", "to": "2026-03-03"}, time_zone="Asia/Shanghai")

    assert found["downloads"] == [1, 4, 2]


def files_of(rows):
    """Return the files of rows (file, day, version, count), the earliest first."""
    numbers = sorted({file for file, *_ in rows})
    return [[row for row in rows if row[0] == number] for number in numbers]


def expected(rows):
    """Return downloads by day as they are defined: of each day the latest file's rows, one for each version, its last count."""
    latest = {}
    for file, day, version, count in rows:
        before, versions = latest.get(day, (file, {}))
        latest[day] = (file, (versions if before == file else {}) | {version: count})
    return {f"2026-03-{day:02}": sum(versions.values()) for day, (_, versions) in latest.items()}


@pytest.mark.parametrize("seed", range(8))
async def test_random_files_come_to_what_is_defined(imports, seed):
    chance = Random(seed)
    rows = sorted(
        ((chance.randrange(3), chance.randrange(1, 4), chance.choice("12"), chance.randrange(50)) for _ in range(14)),
        key=lambda row: row[0],
    )

    for file in files_of(rows):
        lines = [f"2026-03-{day:02},s,a,CN,{count},{version}\n" for _, day, version, count in file]
        await imports.run(HEAD.strip() + ",version\n" + "".join(lines), format="store_downloads")

    assert {day: count for day, *_, count in await listed(imports)} == expected(rows)


SENSELESS = [
    ({"from": "march"}, "/query/from"),
    ({"to": "2026-02-30"}, "/query/to"),
    ({"store": ""}, "/query/store"),
    ({"shop": "s"}, "/query/shop"),
    ({"limit": "0"}, "/query/limit"),
    ({"cursor": "x"}, "/query/cursor"),
]


async def test_what_cannot_be_meant(imports, subtests):
    for params, pointer in SENSELESS:
        for path in [LIST, f"{LIST}/sums"]:
            with subtests.test(params=params, path=path):
                answer = await imports.send("GET", path, expect=422, **params)

                assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_an_interval_that_is_none(imports):
    answer = await imports.send("GET", f"{LIST}/sums", expect=422, interval="hour")

    assert [error["pointer"] for error in answer.json()["errors"]] == ["/query/interval"]


async def test_a_key_that_only_captures_sees_nothing(march):
    march.world.headers = await march.world.api.key("metrics:capture")

    for path in (LIST, f"{LIST}/sums"):
        await march.send("GET", path, expect=403)
