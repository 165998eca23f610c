"""Lists in each order: whole, stable while posts come in, by a cursor of that list alone, and by an index however many there are."""

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_feedback.filters.rules import Filters, Sort
from opsloop_feedback.items import queries
from opsloop_feedback.items import service as items

ACME = Context(workspace="acme")
POSTS = 3_000
FILL = (
    "INSERT INTO feedback (id, workspace, status, body, kind, severity, sentiment, triage, channel, source, author_verified, tags, "
    "attributes, occurred_at, created_at, updated_at, due_at, search_text, affected_users) SELECT id, :workspace, 'new', 'x', 'other', "
    "'s' || 1 + at % 4, 0, '{}', 'api', 'bench', true, '{}', '{}', now(), now() - at * interval '1 second', "
    "now() - at * 7 % 5000 * interval '1 second', CASE WHEN at % 3 = 0 THEN now() + at * 5 % 700 * interval '1 minute' END, 'x', "
    "1 + at % 9 FROM unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS x(id, at)"
)
INDEXES = {"created": "newest", "updated": "updated", "due": "due", "severity": "severity", "affected": "affected"}
NEVER = "9999"


def key_of(item, sort):
    value = {
        "created": item["created_at"],
        "updated": item["updated_at"],
        "due": item["due_at"] or NEVER,
        "severity": item["severity"],
        "affected": item["affected_users"],
    }[sort.key]
    return value, item["number"]


async def whole(desk, **params):
    """Read a list to its end by pages of a few."""
    found, cursor = [], {}
    while True:
        page = await desk.get("/v1/feedback", limit=4, **params, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


@pytest.fixture
async def dozen(desk):
    made = []
    for n in range(12):
        post = await desk.post(body="The app crashes" if n % 3 == 0 else f"post {n}")
        desk.api.clock.advance(30)
        if n % 2:
            await desk.patch(post["id"], due_at=f"2026-11-{28 - n % 5}T00:00:00Z")
        made.append(post)
    await desk.patch(made[0]["id"], assignee="zoe")
    answer = await desk.client.post(
        f"/v1/feedback/{made[4]['id']}/merge", json={"into": made[3]["id"]}, headers=desk.agent
    )
    assert answer.status_code == 200, answer.text
    return made


@pytest.mark.parametrize("sort", list(Sort))
async def test_each_order_shows_every_post_once(desk, dozen, sort):
    found = await whole(desk, sort=sort.value)

    assert len(found) == len({each["id"] for each in found}) == len(dozen)
    assert found == sorted(found, key=lambda each: key_of(each, sort), reverse=sort.is_descending)


async def test_a_list_shows_versions_and_is_newest_first_unless_asked(desk, dozen):
    plain = await desk.get("/v1/feedback")

    assert plain == await desk.get("/v1/feedback", sort="-created")
    assert plain["facets"] is None
    for each in plain["items"]:
        answer = await desk.client.get(f"/v1/feedback/{each['id']}", headers=desk.agent)
        assert answer.headers["etag"] == f'"{each["version"]}"'


@pytest.mark.parametrize("sort", ["due", "-updated", "severity"])
async def test_posts_that_come_in_meanwhile_move_nobody(desk, dozen, sort):
    first = await desk.get("/v1/feedback", limit=5, sort=sort)
    await desk.post(body="newer")
    rest = await desk.get("/v1/feedback", limit=100, sort=sort, cursor=first["next_cursor"])

    shown = [each["id"] for each in first["items"] + rest["items"]]
    assert len(shown) == len(set(shown))
    assert {each["id"] for each in dozen} <= set(shown)


async def test_a_cursor_is_of_one_order_and_of_the_same_filters(desk, dozen):
    first = await desk.get("/v1/feedback", limit=2, sort="due", status=["new", "open"])
    cursor = first["next_cursor"]

    again = await desk.get("/v1/feedback", limit=9, sort="due", status=["open", "new"], cursor=cursor, facets="kind")
    assert len(again["items"]) == 9
    for other in ({"sort": "-due"}, {"sort": "updated"}, {"sort": "due", "kind": "bug"}, {}):
        asked = {"status": ["new", "open"]} | other if other else {"sort": "due"}
        answer = await desk.get("/v1/feedback", expect=422, cursor=cursor, **asked)
        assert answer["errors"][0]["pointer"] == "/query/cursor"


async def test_a_cursor_of_one_workspace_shows_another_nothing_of_it(desk, dozen):
    page = await desk.get("/v1/feedback", limit=2, sort="-affected")
    theirs = await desk.api.key("feedback:read", workspace="other")

    answer = await desk.client.get(
        "/v1/feedback", params={"sort": "-affected", "cursor": page["next_cursor"]}, headers=theirs
    )

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/query/cursor")


@pytest.mark.parametrize("sort", ["", "+created", "Created", "body", "-", "--due", "due,created"])
async def test_orders_that_there_are_not_are_refused(desk, sort):
    answer = await desk.get("/v1/feedback", expect=422, sort=sort)

    assert answer["errors"][0]["pointer"] == "/query/sort"


@pytest.fixture
async def many(desk):
    for workspace in ("acme", "neighbour"):
        async with desk.api.db.transaction(Context(workspace=workspace)) as session:
            await session.execute(text(FILL), {"workspace": workspace, "ids": [uuid7() for _ in range(POSTS)]})
    async with desk.api.db.transaction(ACME) as session:
        await session.execute(text("SET LOCAL role NONE"))
        await session.execute(text("ANALYZE feedback"))


async def plan(session, statement):
    compiled = statement.compile(bind=session.bind.sync_engine, compile_kwargs={"literal_binds": True})
    return "\n".join(line for (line,) in await session.execute(text(f"EXPLAIN {compiled}")))


@pytest.mark.parametrize("sort", list(Sort))
async def test_each_order_is_read_from_its_index(desk, many, sort):
    async with desk.api.db.transaction(ACME) as session:
        ordered = items.matching(Filters()).order_by(*queries.ORDERS[sort]).limit(51)
        found = await plan(session, ordered)

    assert f"ix_feedback_{INDEXES[sort.key]}" in found
    assert "Seq Scan" not in found
    assert "Sort" not in found
