"""PostHog's capture v1: options and headers say what properties and the envelope say in v0, and each event has its answer."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_metrics.capture.rules import Reading, Reason, Unreadable
from opsloop_metrics.posthog import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADERS = {
    "authorization": "Bearer phc_x",
    "posthog-sdk-info": "posthog-python/7.91.1",
    "posthog-attempt": "1",
    "posthog-request-timestamp": "2026-03-01T12:00:00+00:00",
}


def v1(uuid, name="e1", **given):
    return {
        "event": name,
        "uuid": uuid,
        "distinct_id": "u1",
        "timestamp": "2026-03-01T11:59:00+00:00",
        "options": {},
        "properties": {"a": 1},
    } | given


def read_v1(*rows, **given):
    body = {"created_at": "2026-03-01T11:59:59+00:00", "batch": list(rows)} | given
    return rules.read_v1(body, now=NOW, headers=HEADERS).at_once()


def test_v1_has_options_and_headers():
    reading = read_v1(
        v1("m1", session_id="s1", window_id="w1"),
        v1("m2", options={"process_person_profile": False, "disable_skew_correction": True}),
        v1("m3", "$set", properties={"$set": {"n": "x"}}),
    )
    first, second, third = [message for _, message in reading.messages]
    assert (first.library, first.sent_at, first.time) == ("posthog-python/7.91.1", NOW, NOW - timedelta(minutes=1))
    assert (first.session_id, first.properties) == ("s1", {"a": 1, "$session_id": "s1", "$window_id": "w1"})
    assert (second.personless, second.sent_at) == (True, None)
    assert third.traits_set == {"n": "x"}
    assert read_v1(v1("m1"), historical_migration=True).messages[0][1].historical


def test_v1_is_answered_for_each_uuid():
    reading = read_v1(v1("m1"), v1("m2"), v1("m3", distinct_id=None), v1("m4"), v1(None), v1(None, ""))
    assert rules.answer_v1(reading, retry={"m2", "m4"}) == (
        200,
        {
            "results": {
                "m1": {"result": "ok"},
                "m2": {"result": "retry"},
                "m3": {
                    "result": "drop",
                    "details": "missing_id: a message has to say who speaks, by a user id or an anonymous one",
                },
                "m4": {"result": "retry"},
            }
        },
    )
    assert rules.answer_v1(Reading()) == (200, {"results": {}})


@pytest.mark.parametrize("body", [None, [], {}, {"batch": "x"}, [v1("m1")]])
def test_v1_is_a_batch(body):
    with pytest.raises(Unreadable):
        rules.read_v1(body, now=NOW).at_once()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (v1("m1", options=[]), Reason.BAD_PROPERTIES),
        (v1("m1", properties="x"), Reason.BAD_PROPERTIES),
        (3, "not_an_object"),
    ],
)
def test_v1_refuses_a_bad_event_alone(row, reason):
    reading = read_v1(row, v1("m2"))
    assert (reading.problems[0].reason, reading.messages[0][0]) == (reason, 1)
