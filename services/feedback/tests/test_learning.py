"""What people correct is learnt, believed where it is better than the rules, and applied to what comes in."""

from __future__ import annotations

from typing import Any

from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.items import service as items
from opsloop_feedback.learning.consumers import CORRECTIONS

MODELS = "/v1/triage-models"
CORRECTIONS_PATH = "/v1/triage-corrections"
PLACES = ("Hall", "Tower", "Garden", "Harbour", "Station", "Museum", "Bridge", "Market", "Castle", "Library")
TIMES = ("on Monday", "on Tuesday", "this evening")


def stale(number: int) -> str:
    """Return one of many alike posts that the rules take for nothing at all."""
    return f"The opening hours of the {PLACES[number % 10]} in the guide are from last year, seen {TIMES[number // 10 % 3]}"


async def hear(desk: Any) -> int:
    """Have learning hear of all corrections so far."""
    classified = [event for event in await desk.api.events() if event.type == "feedback.classified"]
    return await deliver(desk.api.db, CORRECTIONS, *classified)


async def learn(desk: Any) -> None:
    await run_recurring(desk.api.db, SERVICE.due)


async def correct(desk: Any, count: int, **to: Any) -> list[dict]:
    posts = [await desk.post(body=stale(number)) for number in range(count)]
    for post in posts:
        await desk.patch(post["id"], **to)
    await hear(desk)
    return posts


async def test_after_thirty_alike_corrections_the_next_is_sorted_right(desk):
    posts = await correct(desk, 30, kind="bug", severity="s2", area="guide")
    assert {post["kind"] for post in posts} != {"bug"}
    assert (await desk.get(MODELS))["items"] == []

    desk.api.clock.advance(60)
    await learn(desk)
    desk.api.clock.advance(5)
    next_one = await desk.post(body="The opening hours of the Theatre in the guide are from last year, seen today")

    assert (next_one["kind"], next_one["severity"], next_one["area"]) == ("bug", "s2", "guide")
    [why] = [reason for reason in next_one["triage"]["reasons"] if reason["field"] == "kind"]
    assert why["rule"] == "learned"
    assert why["words"]
    assert 0 < next_one["triage"]["confidence"] <= 1
    for model in (await desk.get(MODELS))["items"]:
        assert model["active"], model
        assert model["corrections"] == 30
        assert model["learner_score"] > model["rules_score"]
    assert [model["field"] for model in (await desk.get(MODELS))["items"]] == ["area", "kind", "severity"]
    # and what has nothing to do with it stays as it was
    other = await desk.post(body="Please add a dark mode")
    assert (other["kind"], other["severity"], other["area"]) == ("idea", "s4", None)
    assert {reason["rule"] for reason in other["triage"]["reasons"]}.isdisjoint({"learned"})


async def test_a_batch_is_sorted_by_it_too_and_what_the_sender_says_stays(desk):
    await correct(desk, 30, kind="bug", area="guide")
    desk.api.clock.advance(60)
    await learn(desk)
    desk.api.clock.advance(5)

    rows = [
        {"external_id": "a", "body": stale(5)},
        {"external_id": "b", "body": stale(6), "kind": "idea", "area": "maps"},
    ]
    answer = await desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=desk.agent)
    found = [await desk.get(f"/v1/feedback/{row['id']}") for row in answer.json()["items"]]

    assert [(item["kind"], item["area"]) for item in found] == [("bug", "guide"), ("idea", "maps")]


async def test_what_was_most_severe_by_the_words_is_not_made_less_so(desk):
    posts = [
        await desk.post(body=f"The app crashes in the {PLACES[number % 10]}, level {number}") for number in range(30)
    ]
    for post in posts:
        await desk.patch(post["id"], severity="s3")
    await hear(desk)
    desk.api.clock.advance(60)
    await learn(desk)
    desk.api.clock.advance(5)

    assert (await desk.post(body="The app crashes in the Hall, level 7"))["severity"] == "s1"


async def test_few_corrections_teach_nothing(desk):
    await correct(desk, 19, kind="bug")
    desk.api.clock.advance(60)
    await learn(desk)

    assert (await desk.get(MODELS))["items"] == []


async def test_what_was_learnt_is_learnt_anew_only_when_there_is_something_new(desk):
    await correct(desk, 20, kind="bug")
    desk.api.clock.advance(60)
    await learn(desk)
    [first] = (await desk.get(MODELS))["items"]
    desk.api.clock.advance(60)
    await learn(desk)
    assert (await desk.get(MODELS))["items"] == [first]

    for number in range(4):
        post = await desk.post(body=stale(number + 3))
        await desk.patch(post["id"], kind="bug" if post["kind"] != "bug" else "question")
    await hear(desk)
    desk.api.clock.advance(60)
    await learn(desk)

    [second] = (await desk.get(MODELS))["items"]
    assert second["corrections"] == 24
    assert second["trained_at"] > first["trained_at"]


async def test_a_correction_is_kept_with_what_triage_had_said_and_by_whom(desk):
    post = await desk.post(body="The sky is blue")
    await desk.patch(post["id"], kind="praise", area="weather")
    await hear(desk)

    items = (await desk.get(CORRECTIONS_PATH))["items"]
    assert [(item["field"], item["said"], item["label"]) for item in items] == [
        ("area", None, "weather"),
        ("kind", "other", "praise"),
    ]
    assert {item["feedback_id"] for item in items} == {post["id"]}
    assert all(item["corrected_by"].startswith("key:") for item in items)
    assert [item["field"] for item in (await desk.get(CORRECTIONS_PATH, field="kind"))["items"]] == ["kind"]
    await desk.get(CORRECTIONS_PATH, field="mood", expect=422)


async def test_the_last_word_counts_and_what_triage_said_as_well_is_no_correction(desk):
    post = await desk.post(body="The sky is blue")
    await desk.patch(post["id"], kind="praise")
    await desk.patch(post["id"], kind="bug")
    await hear(desk)
    assert [item["label"] for item in (await desk.get(CORRECTIONS_PATH))["items"]] == ["bug"]

    await desk.patch(post["id"], kind="other")
    await hear(desk)

    assert (await desk.get(CORRECTIONS_PATH))["items"] == []


async def test_twice_and_late_make_no_difference(desk):
    post = await desk.post(body="The sky is blue")
    await desk.patch(post["id"], kind="praise")
    desk.api.clock.advance(1)
    await desk.patch(post["id"], kind="bug")
    early, late = [event for event in await desk.api.events() if event.type == "feedback.classified"]

    assert await deliver(desk.api.db, CORRECTIONS, late) == 1
    await deliver(desk.api.db, CORRECTIONS, early, late)

    assert [item["label"] for item in (await desk.get(CORRECTIONS_PATH))["items"]] == ["bug"]


async def test_nobody_sees_what_another_workspace_corrected_or_learnt(desk):
    await correct(desk, 20, kind="bug")
    desk.api.clock.advance(60)
    await learn(desk)
    desk.api.clock.advance(5)
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    for path in (MODELS, CORRECTIONS_PATH):
        answer = await desk.client.get(path, headers=stranger)
        assert (answer.status_code, answer.json()["items"]) == (200, [])
    theirs = await desk.client.post("/v1/feedback", json={"body": stale(3)}, headers=stranger)
    assert theirs.json()["kind"] != "bug"


async def test_who_may_not_read_sees_neither(desk):
    submitter = await desk.api.key("feedback:submit")

    for path in (MODELS, CORRECTIONS_PATH):
        assert (await desk.client.get(path)).status_code == 401
        assert (await desk.client.get(path, headers=submitter)).status_code == 403


async def test_what_an_erased_person_wrote_teaches_nothing(desk):
    posts = [await desk.post(body=stale(number), author={"user_id": "gone"}) for number in range(20)]
    for post in posts:
        await desk.patch(post["id"], kind="bug")
    await hear(desk)

    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await items.erase_authors(session, ["gone"], [])
    desk.api.clock.advance(60)
    await learn(desk)

    assert not any(model["active"] for model in (await desk.get(MODELS))["items"])
