"""Publishable keys: made for listed origins, only adding, within quotas that hold however many add at once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, text

from opsloop_common.access import usage
from opsloop_common.access.keys import Token
from opsloop_common.access.tables import key_usage
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE

SHOP = "https://shop.example"


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def make(sample, **body):
    wanted = {"name": "shop", "scopes": ["sample:write"], "publishable": True, "origins": [SHOP]} | body
    given = {name: value for name, value in wanted.items() if value is not None}
    return await sample.client.post("/v1/api-keys", json=given, headers=await sample.key("sample:admin"))


async def key(sample, **body):
    made = await make(sample, **body)
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['key']}"}


async def add(sample, headers, text="x", **more):
    return await sample.client.post("/v1/notes", json={"text": text}, headers=headers | more)


async def test_a_publishable_key_says_what_it_is(sample):
    made = (await make(sample, origins=[SHOP, "http://localhost:3000", SHOP])).json()

    assert made["key"].startswith("opl_pub_")
    assert (made["publishable"], made["origins"]) == (True, [SHOP, "http://localhost:3000"])
    assert made["rows_per_day"] > 0
    assert made["bytes_per_day"] > 0
    assert (await make(sample, publishable=False, origins=None)).json()["origins"] == []


@pytest.mark.parametrize(
    ("pointer", "body"),
    [
        ("/scopes/0", {"scopes": ["sample:read"]}),
        ("/scopes/1", {"scopes": ["sample:write", "sample:admin"]}),
        ("/origins", {"origins": None}),
        ("/origins", {"origins": []}),
        ("/origins", {"publishable": False}),
        ("/rows_per_day", {"publishable": False, "origins": None, "rows_per_day": 5}),
        ("/rows_per_day", {"rows_per_day": 0}),
        ("/bytes_per_day", {"bytes_per_day": 2**60}),
        *(
            ("/origins/0", {"origins": [origin]})
            for origin in (
                "*", "null", "https://*.shop.example", "https://shop.example/", "https://shop.example/x", "shop.example",
                "https://Shop.example", "https://shop.example:443", "http://shop.example:80", "https://shop.example:99999",
                "ftp://shop.example", "https://user@shop.example", "https://shop.example\n", "https://", "https://门店.example",
            )
        ),
    ],
)  # fmt: skip
async def test_what_a_publishable_key_may_not_be(sample, pointer, body):
    answer = await make(sample, **body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text


async def test_it_adds_and_reads_nothing(sample):
    shop = await key(sample)

    added = await add(sample, shop)
    note = f"/v1/notes/{added.json()['id']}"

    assert added.status_code == 201
    for method, path in (
        ("GET", "/v1/notes"),
        ("GET", note),
        ("PATCH", note),
        ("DELETE", note),
        ("POST", f"{note}/shout"),
    ):
        assert (await sample.client.request(method, path, headers=shop)).status_code == 403, (method, path)


async def test_a_key_of_one_form_is_not_one_of_the_other(sample):
    for headers in (await key(sample), await sample.key("sample:write")):
        token = Token.parse(headers["Authorization"].removeprefix("Bearer "))
        other = Token(token.id, token.secret, not token.publishable)
        assert (await add(sample, {"Authorization": f"Bearer {other}"})).status_code == 401


async def test_only_listed_origins_use_it_and_see_the_answer(sample):
    shop, secret = await key(sample), await sample.key("sample:write")

    listed = await add(sample, shop, Origin=SHOP)
    other = await add(sample, shop, Origin="https://evil.example")
    null = await add(sample, shop, Origin="null")
    nowhere = await add(sample, shop)
    by_secret = await add(sample, secret, Origin="https://evil.example")
    malformed = await sample.client.post("/v1/notes", json={}, headers=shop | {"Origin": SHOP})
    user = await add(sample, await sample.user(), Origin="https://any.example")

    assert (listed.status_code, listed.headers["access-control-allow-origin"]) == (201, SHOP)
    assert listed.headers["vary"] == "Origin"
    assert "Location" in listed.headers["access-control-expose-headers"]
    assert (malformed.status_code, malformed.headers["access-control-allow-origin"]) == (422, SHOP)
    assert (user.status_code, user.headers["access-control-allow-origin"]) == (201, "https://any.example")
    assert (other.status_code, null.status_code, nowhere.status_code, by_secret.status_code) == (403, 403, 201, 201)
    for answer in (nowhere, by_secret):
        assert "access-control-allow-origin" not in answer.headers


async def test_a_page_sees_why_it_is_refused(sample):
    """Most often its user's token has expired; without the header a browser reports a failure of the network."""
    shop, unknown = await key(sample), {"Authorization": f"Bearer {Token.new(publishable=True)}"}
    expired = await sample.user()
    sample.clock.advance(timedelta(hours=1))

    refused = [
        await add(sample, shop, Origin="https://evil.example"),
        await add(sample, unknown, Origin=SHOP),
        await add(sample, expired, Origin=SHOP),
        await add(sample, {}, Origin=SHOP),
    ]

    assert [answer.status_code for answer in refused] == [403, 401, 401, 401]
    origins = [answer.headers.get_list("access-control-allow-origin") for answer in refused]
    assert origins == [["https://evil.example"], [SHOP], [SHOP], [SHOP]]
    elsewhere = await sample.client.get("/v1/notes", headers={"Origin": SHOP})
    assert "access-control-allow-origin" not in elsewhere.headers


async def test_a_browser_may_ask_before_it_posts(api):
    for origins in ("", "https://app.example"):
        sample = await api(SAMPLE, settings_for_tests(cors_origins=origins))
        asks = {
            "Origin": SHOP,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }

        asked = await sample.client.options("/v1/notes", headers=asks)
        refused = await sample.client.options("/v1/notes/x/shout", headers=asks)
        other = await sample.client.options("/v1/notes", headers=asks | {"Access-Control-Request-Method": "DELETE"})
        named = await add(sample, await key(sample, origins=["https://app.example"]), Origin="https://app.example")

        assert asked.status_code == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert "POST" in asked.headers["access-control-allow-methods"]
        assert "Authorization" in asked.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in asked.headers
        for answer in (refused, other):
            assert "access-control-allow-origin" not in answer.headers
        assert named.headers.get_list("access-control-allow-origin") == ["https://app.example"]


async def test_quotas_are_exact_when_fifty_add_at_once(sample):
    shop = await key(sample, rows_per_day=20)

    answers = await asyncio.gather(*(add(sample, shop) for _ in range(50)))

    counts = [sum(answer.status_code == status for answer in answers) for status in (201, 429)]
    assert counts == [20, 30]
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["quota"] == "rows_per_day"
    now = sample.clock.now().astimezone(UTC)
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    assert int(refused.headers["retry-after"]) == (midnight - now).total_seconds()
    sample.clock.advance(midnight - now)
    assert (await add(sample, shop)).status_code == 201, "it begins anew"


async def test_bytes_are_counted_too(sample):
    shop = await key(sample, bytes_per_day=1_000)

    first, too_much, small = [await add(sample, shop, "x" * length) for length in (400, 900, 300)]

    assert (first.status_code, too_much.status_code, small.status_code) == (201, 429, 201)
    assert too_much.json()["quota"] == "bytes_per_day"


async def test_what_a_secret_key_adds_is_not_counted_and_old_counts_go(sample):
    await add(sample, await sample.key("sample:write"))
    await add(sample, await key(sample))
    sample.clock.advance(timedelta(days=32))
    await add(sample, await key(sample))

    async with sample.db.transaction() as session:
        days = set((await session.execute(select(key_usage.c.day))).scalars())
        gone = await usage.prune(session, limit=100)
        left = set((await session.execute(select(key_usage.c.day))).scalars())

    assert (len(days), gone, left) == (2, 1, {sample.clock.now().date()})


async def test_many_that_add_by_one_key_leave_the_pool_to_others(sample):
    """While the key's row is locked, whoever counts holds one connection, and others go on; then all are counted together."""
    shop, reader = await key(sample, rows_per_day=500), await sample.key("sample:read")
    assert (await add(sample, shop)).status_code == 201
    assert (await sample.client.get("/v1/notes", headers=reader)).status_code == 200
    statements: list[str] = []
    engine = sample.db.engine.sync_engine

    async with sample.db.transaction() as session:
        await session.execute(select(key_usage.c.rows).with_for_update())
        is_counting = asyncio.Event()

        def note(*given):
            statements.append(given[2])
            if "INSERT INTO key_usage" in given[2]:
                is_counting.set()

        event.listen(engine, "before_cursor_execute", note)
        adding = [asyncio.create_task(add(sample, shop)) for _ in range(100)]
        await is_counting.wait()
        await asyncio.sleep(0.2)  # all that may hold a connection do by now
        held = engine.pool.checkedout()
        async with asyncio.timeout(2):
            served = await sample.client.get("/v1/notes", headers=reader)
    answers = await asyncio.gather(*adding)

    async with sample.db.transaction() as session:
        counted = (await session.execute(select(key_usage.c.rows))).scalar_one()
    assert (held, served.status_code) == (2, 200)
    assert {answer.status_code for answer in answers} == {201}
    assert counted == 101
    assert sum("INSERT INTO key_usage" in statement for statement in statements) < 20


async def test_a_wish_that_does_not_fit_holds_up_no_smaller_one(sample):
    shop = await key(sample, bytes_per_day=1_000)
    async with sample.db.transaction() as session:
        await session.execute(text("LOCK TABLE key_usage IN EXCLUSIVE MODE"))
        adding = [asyncio.create_task(add(sample, shop, "x" * length)) for length in (10, 400, 900, 300)]
        await asyncio.sleep(0.2)  # how long nobody can count
    answers = await asyncio.gather(*adding)

    assert [answer.status_code for answer in answers] == [201, 201, 429, 201]
