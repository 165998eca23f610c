"""What Umami's clients send, as recorded of the unmodified ones, and what they are answered."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.capture.rules import MessageKind, Reading, Reason, Unreadable
from opsloop_metrics.reading.rules import Sender, visitor_of
from opsloop_metrics.umami import rules

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = Sender("192.0.2.1", "Mozilla/5.0", b"secret")
SITE = "cc726914-8e68-4d1a-4be0-af4ca8933456"
PAGE = {
    "hostname": "h.example",
    "language": "zh-CN",
    "referrer": "http://r.example/",
    "screen": "1920x1080",
    "title": "首页",
    "url": "/p?utm_source=mail",
    "website": SITE,
}


def sent(type="event", **payload):
    return {"type": type, "payload": PAGE | payload}


def one(body, now=NOW, sender=SENDER):
    reading = rules.read(body, now=now, sender=sender).at_once()
    assert not reading.problems, reading.problems
    return reading.messages[0][1]


def test_a_page():
    message = one(sent())
    assert (message.kind, message.event) == (MessageKind.PAGE, "$pageview")
    assert (message.url, message.referrer, message.title) == (
        "https://h.example/p?utm_source=mail",
        "http://r.example/",
        "首页",
    )
    assert (message.locale, message.library, message.properties) == ("zh-CN", "umami", {"screen": "1920x1080"})
    assert (message.message_id, message.time, message.sent_at) == (None, None, None)
    assert (message.ip, message.user_agent) == (None, None)
    assert one(sent(url="http://x.example/p")).url == "http://x.example/p"
    assert one(sent(hostname=None)).url == "/p?utm_source=mail"


def test_an_event_has_a_name():
    message = one(sent(name="ev", data={"a": 1, "deep": {"b": [2]}}, tag="beta"))
    assert (message.kind, message.event) == (MessageKind.TRACK, "ev")
    assert message.properties == {"a": 1, "deep": {"b": [2]}, "screen": "1920x1080", "tag": "beta"}
    assert one(sent(name="")).event == "$pageview"
    assert one(sent(name="ev", data={"screen": "own"})).properties["screen"] == "own"


def test_a_visitor_without_an_id_is_one_for_a_month():
    assert one(sent()).distinct_id == one(sent(name="ev")).distinct_id
    assert one(sent()).distinct_id == one(sent(), now=NOW + timedelta(days=30)).distinct_id
    assert one(sent()).distinct_id != one(sent(), now=NOW + timedelta(days=31)).distinct_id
    assert one(sent()).distinct_id != one(sent(website="other")).distinct_id
    assert one(sent()).distinct_id != one(sent(ip="192.0.2.2")).distinct_id
    assert one(sent()).distinct_id != one(sent(userAgent="curl")).distinct_id
    assert not one(sent()).is_identified


def test_a_server_says_who_was_there():
    message = one(sent(ip="192.0.2.2", userAgent="Other/1.0", timestamp=1772366340))
    assert (message.ip, message.user_agent) == ("192.0.2.2", "Other/1.0")
    assert message.time == NOW - timedelta(minutes=1)


def test_an_id_that_the_site_gives_is_the_user_s():
    message = one(sent(id="u1"))
    assert (message.distinct_id, message.is_identified) == ("u1", True)
    assert message.links == (), "behind one address there may be two users"
    assert one(sent(id="undefined")).distinct_id == one(sent()).distinct_id


def test_an_identify_has_traits():
    message = one(sent("identify", id="u1", data={"plan": "pro"}))
    assert (message.kind, message.event, message.traits_set) == (MessageKind.IDENTIFY, "$identify", {"plan": "pro"})
    assert message.properties == {"screen": "1920x1080"}
    message = one({"type": "identify", "payload": {"website": SITE, "data": {"plan": "pro"}}})
    assert (message.distinct_id, message.is_identified) == (visitor_of(SENDER, site=SITE, period="2026-03"), False)


def test_a_page_measures_itself():
    message = one(sent("performance", lcp=1200.5, cls=0.01, inp=None))
    assert (message.kind, message.event) == (MessageKind.TRACK, "$web_vitals")
    assert message.properties == {"screen": "1920x1080", "lcp": 1200.5, "cls": 0.01}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (7, Reason.NOT_AN_OBJECT),
        ({}, Reason.BAD_PROPERTIES),
        ({"type": "event", "payload": []}, Reason.BAD_PROPERTIES),
        (sent("order"), Reason.UNKNOWN_TYPE),
        (sent(None), Reason.UNKNOWN_TYPE),
        (sent(["event"]), Reason.UNKNOWN_TYPE),
        (sent(name=7), Reason.MISSING_EVENT),
        (sent(name="x" * 201), Reason.TOO_LARGE),
        (sent(id=["u1"]), Reason.BAD_ID),
        (sent(id="x" * 201), Reason.TOO_LARGE),
        (sent(data=[1]), Reason.BAD_PROPERTIES),
        (sent(timestamp="soon"), Reason.BAD_TIME),
    ],
)
def test_a_bad_row_is_refused_alone(row, reason):
    reading = rules.read([sent(name="kept"), row], now=NOW, sender=SENDER).at_once()
    assert [message.event for _, message in reading.messages] == ["kept"]
    assert (reading.problems[0].index, reading.problems[0].reason, reading.problems[0].raw) == (1, reason, row)


@pytest.mark.parametrize("body", [None, 7, "x"])
def test_a_body_that_is_none(body):
    with pytest.raises(Unreadable):
        rules.read(body, now=NOW, sender=SENDER).at_once()


@pytest.mark.parametrize(
    ("body", "headers", "query", "key"),
    [
        (sent(), {"authorization": "Bearer None"}, {}, SITE),
        ([sent()], {}, {}, SITE),
        ({"payload": {"pixel": "p1"}}, {}, {}, "p1"),
        ({"payload": {}}, {"authorization": "Bearer K"}, {}, "K"),
        ({"payload": 7}, {}, {"key": "K"}, "K"),
        ([], {}, {}, None),
        (7, {}, {}, None),
    ],
)
def test_the_key_is_the_website(body, headers, query, key):
    assert rules.key_in(body, headers, query) == key


def test_answers():
    status, body = rules.answer(rules.read(sent(), now=NOW, sender=SENDER).at_once())
    assert (status, set(body)) == (200, {"cache", "sessionId", "visitId"})
    assert body == rules.answer(rules.read(sent(name="ev"), now=NOW, sender=SENDER).at_once())[1]
    assert body["sessionId"] != body["visitId"]
    status, body = rules.answer(rules.read(sent("order"), now=NOW, sender=SENDER).at_once())
    assert (status, body["error"]["code"]) == (400, "bad-request")
    assert rules.answer(Reading())[0] == 400
    status, body = rules.answer_batch(rules.read([sent(), 7, sent()], now=NOW, sender=SENDER).at_once())
    assert (status, body["size"], body["processed"], body["errors"]) == (200, 3, 2, 1)
    assert body["details"][0]["index"] == 1
    assert rules.answer_batch(Reading())[1] == {"size": 0, "processed": 0, "errors": 0, "details": [], "cache": None}
    assert rules.BOT == {"beep": "boop"}


WORDS = st.text(st.characters(), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=8,
)
NAMES = [*PAGE, *rules.MEASURED, "name", "id", "data", "timestamp", "ip", "userAgent", "tag", "link"]
TYPES = st.sampled_from(["event", "identify", "performance"])
ROWS = st.fixed_dictionaries({"type": TYPES | JSON, "payload": st.dictionaries(st.sampled_from(NAMES), JSON) | JSON})


@given(JSON | ROWS | st.lists(ROWS, max_size=3))
def test_any_body_is_read_or_unreadable(body):
    rules.key_in(body, {}, {})
    try:
        reading = rules.read(body, now=NOW, sender=SENDER).at_once()
    except Unreadable:
        return
    assert rules.answer(reading)[0] in (200, 400)
    assert rules.answer_batch(reading)[0] == 200
