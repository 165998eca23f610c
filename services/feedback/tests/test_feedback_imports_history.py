"""What comes with a file is of earlier times: told once, at its own time, and no news to anybody."""

from datetime import datetime

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.events import deliver
from opsloop_feedback.arrivals.consumers import ARRIVALS
from opsloop_feedback.routing_rules.consumers import DESK
from services.feedback.tests.feedback_files import files

__all__ = ["files"]

OLD = "external_id,body,occurred_at,status,reply,replied_at,votes,user_id\n"
CRASH = OLD + "f1,The app crashes on start,2024-03-01T08:00:00Z,,,,,u1\n"


async def test_each_post_is_told_once_at_its_own_time_with_its_file(files):
    made = await files.run(CRASH)
    await files.run(CRASH)

    [event] = await files.desk.public()
    assert event.type == "feedback.received"
    assert event.data["import_id"] == made["id"]
    assert event.data["occurred_at"] == "2024-03-01T08:00:00Z"
    assert event.is_history
    await files.desk.post()
    assert (await files.desk.public())[-1].data["import_id"] is None
    assert not (await files.desk.public())[-1].is_history


async def test_neither_clocks_nor_routing_begin(files, china):
    team = await china.make("/v1/teams", {"name": "Care", "members": [{"user_id": "anna"}]})
    rule = {"name": "all", "when": [], "team_id": team["id"], "pick": "round_robin"}
    await china.make("/v1/routing-rules", rule)
    await files.run(CRASH)
    new = await files.desk.post(body="The export hangs on large files")
    await files.hear()

    old = next(post for post in await files.posts() if post["external_id"] == "f1")
    assert (old["team"], old["assignee"], old["due_at"]) == (None, None, None)
    assert (await files.call("GET", f"/v1/feedback/{new['id']}"))["team"] == "Care"

    await files.desk.patch(old["id"], severity="s3", team="Care")
    await files.call("POST", f"/v1/feedback/{old['id']}/messages", 201, json={"kind": "reply", "body": "Mended."})
    assert (await files.call("GET", f"/v1/feedback/{old['id']}/clocks"))["items"] == []


async def test_what_came_with_a_file_joins_nothing_by_itself_but_is_found_and_joined(files):
    await files.run(OLD + "f1,Nothing works at all,,,,,,u1\nf2,Nothing works at all,,,,,,u2\n")
    await files.hear()
    assert {post["status"] for post in await files.posts()} == {"new"}

    later = await files.desk.post(body="Nothing works at all")
    await files.hear()

    assert (await files.call("GET", f"/v1/feedback/{later['id']}"))["status"] == "merged"
    found = await files.call("GET", "/v1/search", params={"q": "nothing works"})
    assert len(found["items"]) >= 2


async def test_events_that_arrive_after_their_file_was_taken_back_change_nothing(files):
    made = await files.run(CRASH)
    events = await files.desk.public()
    await files.call("POST", f"/v1/feedback-imports/{made['id']}/undo", 202)
    await files.tick()

    for subscription in (ARRIVALS, DESK):
        await deliver(files.desk.api.db, subscription, *events)
        await deliver(files.desk.api.db, subscription, *events)
    assert await files.posts() == []
    assert await files.scalar("SELECT count(*) FROM feedback_token") == 0


async def test_states_and_replies_of_then_are_kept_and_not_told(files):
    body = OLD + "f1,It fails,2024-03-01T08:00:00Z,Completed,Mended in 2.1,2024-03-05T08:00:00Z,40,u1\n"
    body += "f2,It fails too,2024-03-01T08:00:00Z,Planned,,,0,u2\nf3,And this,2024-03-01T08:00:00Z,won't do,,2999-01-01,,u3\n"
    await files.run(body)

    f1, f2, f3 = await files.posts()
    assert (f1["status"], f1["first_replied_at"], f1["resolved_at"], f1["affected_users"]) == (
        "resolved", "2024-03-05T08:00:00Z", "2024-03-05T08:00:00Z", 40,
    )  # fmt: skip
    assert (f2["status"], f2["affected_users"], f2["attributes"]) == ("open", 1, {"original_status": "Planned"})
    assert (f3["status"], f3["resolved_at"]) == ("closed", None)
    assert [kind for kind in await files.desk.types() if kind != "feedback.received"] == []


async def test_who_voted_elsewhere_still_counts_when_posts_are_merged(files):
    await files.run(OLD + "f1,One,,,,,40,u1\nf2,Two,,,,,3,u1\n")
    one, two = await files.posts()

    merged = await files.call("POST", f"/v1/feedback/{two['id']}/merge", json={"into": one["id"]})

    assert merged["affected_users"] == 42  # u1 once, 39 and 2 whom nobody knows
    parted = await files.call("POST", f"/v1/feedback/{two['id']}/unmerge")
    assert (parted["affected_users"], (await files.call("GET", f"/v1/feedback/{one['id']}"))["affected_users"]) == (
        3,
        40,
    )


async def test_a_message_that_names_no_time_or_one_to_come_lies_before_the_file(files):
    made = await files.run(OLD + "f1,One,,,Ours,2999-01-01T00:00:00Z,,\nf2,Two,,,Ours,,,\n")

    for post in await files.posts():
        [(_, _, at)] = await files.messages(post["id"])
        assert datetime.fromisoformat(at) < datetime.fromisoformat(made["created_at"])


async def test_the_database_holds_what_counts(files):
    await files.run(CRASH)
    with pytest.raises(Exception, match="ck_feedback_voters"):
        async with files.desk.api.db.transaction(Context("acme")) as session:
            await session.execute(text("UPDATE feedback SET voters = -1"))
