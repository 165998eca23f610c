"""What is kept of CSAT: what the database refuses, what is found by an index, what a report comes to whoever counts."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from opsloop_common.db import Context
from opsloop_feedback.csat import queries
from opsloop_feedback.csat.queries import Wanted

START = datetime(2026, 11, 1, tzinfo=UTC)
MONDAY, SATURDAY, SUNDAY = 0, 5, 6
INSERT = text(
    "INSERT INTO csat_response (id, workspace, feedback_id, resolved_at, source, channel, severity, assignee, team, person, "
    "asked_at, sent_at, failure, score, comment, answered_at, changed_at) VALUES (:id, :workspace, :feedback_id, "
    ":resolved_at, 'a', :channel, :severity, :assignee, :team, :person, :asked_at, :sent_at, :failure, :score, :comment, "
    ":answered_at, :answered_at)"
)
NOTHING = {
    "workspace": "acme",
    "channel": "email",
    "severity": "s3",
    "assignee": None,
    "team": None,
    "person": None,
    "asked_at": START,
    "sent_at": None,
    "failure": None,
    "score": None,
    "comment": None,
    "answered_at": None,
}


async def keep(desk, *rows, feedback_id=None):
    """Keep rows as they are given, each of another resolution."""
    if feedback_id is None:
        feedback_id = (await desk.post())["id"]
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        for place, row in enumerate(rows):
            own = {"id": uuid4(), "feedback_id": feedback_id, "resolved_at": START + timedelta(seconds=place)}
            await session.execute(INSERT, NOTHING | own | row)


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        ({"score": 0, "answered_at": START}, "ck_csat_response_score"),
        ({"score": 6, "answered_at": START}, "ck_csat_response_score"),
        ({"score": 5}, "ck_csat_response_answered"),
        ({"answered_at": START}, "ck_csat_response_answered"),
        ({"comment": "words alone"}, "ck_csat_response_comment"),
        ({"asked_at": None}, "ck_csat_response_known"),
        ({"feedback_id": uuid4()}, "fk_csat_response_feedback_id_feedback"),
    ],
)
async def test_the_database_refuses_what_cannot_be(desk, row, constraint):
    with pytest.raises(IntegrityError, match=constraint):
        await keep(desk, row)


async def test_one_resolution_has_one_row_and_a_row_its_workspace(desk):
    with pytest.raises(IntegrityError, match="uq_csat_response_feedback_id_resolved_at"):
        await keep(desk, {"resolved_at": START}, {"resolved_at": START})
    with pytest.raises(ProgrammingError, match="row-level security"):
        await keep(desk, {"workspace": "other"})
    await keep(desk, {"score": 5, "answered_at": START})

    async with desk.api.db.transaction(Context(workspace="other")) as session:
        assert (await session.execute(text("SELECT 1 FROM csat_response"))).all() == []
        assert (await session.execute(text("UPDATE csat_response SET score = 1"))).rowcount == 0


@pytest.mark.parametrize(
    ("delay", "quiet", "constraint"),
    [
        ("31 days", "1 day", "ck_csat_settings_delay"),
        ("-1 second", "1 day", "ck_csat_settings_delay"),
        ("1 hour", "367 days", "ck_csat_settings_quiet"),
        ("1 hour", "-1 day", "ck_csat_settings_quiet"),
    ],
)
async def test_settings_are_bounded_below_the_door_too(desk, delay, quiet, constraint):
    statement = (
        "INSERT INTO csat_settings (workspace, version, created_at, updated_at, enabled, delay, quiet) "
        f"VALUES ('acme', 1, now(), now(), true, interval '{delay}', interval '{quiet}')"
    )
    with pytest.raises(IntegrityError, match=constraint):
        async with desk.api.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text(statement))


async def test_a_post_that_goes_takes_along_what_was_said_of_it(desk):
    item = await desk.post()
    await keep(desk, {"score": 5, "answered_at": START}, feedback_id=item["id"])

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("DELETE FROM feedback WHERE id = :id"), {"id": item["id"]})
        left = (await session.execute(text("SELECT count(*) FROM csat_response"))).scalar()

    assert left == 0


def thrown(dice):
    """Return a row as it might be: asked or not, sent or not, answered at some time or not."""
    asked_at = START + timedelta(minutes=dice.randrange(40 * 1_440)) if dice.random() < 0.8 else None
    is_answered = asked_at is None or dice.random() < 0.5
    answered_at = (asked_at or START) + timedelta(minutes=dice.randrange(10 * 1_440)) if is_answered else None
    return NOTHING | {
        "asked_at": asked_at,
        "sent_at": asked_at if asked_at and dice.random() < 0.3 else None,
        "failure": "rejected" if asked_at and dice.random() < 0.3 else None,
        "answered_at": answered_at,
        "score": dice.randrange(1, 6) if is_answered else None,
        "team": dice.choice(["pay", "app", None]),
        "assignee": dice.choice(["ann", "ben", None]),
        "channel": dice.choice(["email", "form"]),
        "severity": dice.choice(["s1", "s2", "s3", "s4"]),
    }


def week_of(moment, zone, first_day):
    day = moment.astimezone(ZoneInfo(zone)).date()
    return (day - timedelta(days=(day.weekday() - first_day) % 7)).isoformat()


@pytest.mark.parametrize(
    ("zone", "week_start", "first_day"),
    [("UTC", "monday", MONDAY), ("Asia/Shanghai", "sunday", SUNDAY), ("America/Sao_Paulo", "saturday", SATURDAY)],
)
async def test_the_report_is_what_a_plain_count_comes_to(desk, zone, week_start, first_day):
    rows = [thrown(Random(f"{zone}{place}")) for place in range(120)]
    await keep(desk, *rows)
    said = {"time_zone": zone, "week_start": week_start}
    admin = await desk.api.key("feedback:admin")
    assert (await desk.client.patch("/v1/workspace", json=said, headers=admin)).status_code == 200
    since, until = START + timedelta(days=7), START + timedelta(days=28)
    period = {"from": since.isoformat(), "to": until.isoformat()}

    for by in ("team", "assignee", "channel", "severity", "week"):
        expected = defaultdict(lambda: [0, 0, 0, 0, 0])
        for row in rows:
            if row["answered_at"] is not None and since <= row["answered_at"] < until:
                group = week_of(row["answered_at"], zone, first_day) if by == "week" else row[by]
                expected[group][0] += 1
                expected[group][1] += row["score"]
                expected[group][2] += row["score"] >= 4
            got_it = row["failure"] is None or row["sent_at"] is not None or row["score"] is not None
            if row["asked_at"] is not None and since <= row["asked_at"] < until and got_it:
                group = week_of(row["asked_at"], zone, first_day) if by == "week" else row[by]
                expected[group][3] += 1
                expected[group][4] += row["score"] is not None

        report = await desk.get("/v1/reports/csat", by=by, **period)

        found = {row["group"]: row for row in report["rows"]}
        assert found.keys() == expected.keys()
        for group, (n, total, satisfied, asked, answered) in expected.items():
            row = found[group]
            assert (row["n"], row["asked"]) == (n, asked)
            assert row["score"] == (pytest.approx(total / n) if n else None)
            assert row["share"] == (pytest.approx(satisfied / n) if n else None)
            assert row["response_rate"] == (pytest.approx(answered / asked) if asked else None)
            if n:
                assert 0 <= row["share_low"] <= row["share"] <= row["share_high"] <= 1
        assert report["total"]["n"] == sum(each[0] for each in expected.values())
        assert report["total"]["asked"] == sum(each[3] for each in expected.values())


async def test_lists_and_questions_are_found_by_an_index(desk):
    await keep(desk, *[thrown(Random(place)) | {"person": f"u{place}"} for place in range(50)])
    asked = (
        "SELECT id FROM csat_response WHERE workspace = 'acme' AND person = 'u7' AND asked_at > '2026-01-01' LIMIT 1"
    )
    listed = queries.responses("acme", Wanted()).order_by(*queries.NEWEST_FIRST).limit(51)
    written = str(listed.compile(compile_kwargs={"literal_binds": True}))

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        for statement, index in ((asked, "ix_csat_response_person"), (written, "ix_csat_response_answered")):
            plan = "\n".join(row[0] for row in await session.execute(text(f"EXPLAIN {statement}")))
            assert index in plan, plan
            assert "Sort" not in plan, plan


async def test_a_report_is_bounded_in_time_and_whole_in_what_it_counts(desk, monkeypatch):
    monkeypatch.setattr(queries, "GROUPS", 3)
    answered = {"answered_at": START, "asked_at": None, "score": 4}
    await keep(desk, *[answered | {"assignee": f"u{place % 5}"} for place in range(12)])
    period = {"from": "2026-10-31T00:00:00Z", "to": "2026-11-02T00:00:00Z"}

    report = await desk.get("/v1/reports/csat", by="assignee", **period)

    # of more groups than are shown those that most is said of, and all of them in the sum
    assert [(row["group"], row["n"]) for row in report["rows"]] == [("u0", 3), ("u1", 3), ("u2", 2)]
    assert report["total"]["n"] == 12
    await desk.get("/v1/reports/csat", 422, **period | {"from": "2025-10-31T00:00:00Z"})
    empty = await desk.get("/v1/reports/csat", **period | {"from": "2026-11-01T00:00:01Z"})
    assert empty["rows"] == []
