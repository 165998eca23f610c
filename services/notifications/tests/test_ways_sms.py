"""SMS by any provider: what is sent where, and how its answer is read."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.ways.rules import (
    WAYS,
    Kind,
    Outcome,
    Setup,
    Target,
    Told,
    Unsendable,
)
from opsloop_notifications.ways.sms import TEXT_CHARACTERS

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ID = UUID("0198c0de-0000-7000-8000-000000000001")
HOSTILE = '<!channel> "quoted", \\ [pay](https://evil.test) \n{"to": "+1"} 支付 😀'


def told(**fields):
    return Told(**({"id": ID, "title": "Hello", "body": "It is done.", "url": None, "language": "en"} | fields))


def noise(seed=7):
    return lambda count: bytes((seed * (place + 1)) % 251 for place in range(count))


def composed(kind, target=None, setup=None, **fields):
    way, made = WAYS[Kind(kind)], setup or Setup(kind, "https://chat.test/hook?token=t")
    return way.compose(told(**fields), made, target or Target(""), now=NOW, entropy=noise())


SMS = {
    "method": "POST",
    "content_type": "json",
    "body": {"to": "{{ to }}", "text": "{{ text }}", "meta": [{"ref": "{{ id }}", "kind": 7}], "at": "{{ sent_at }}"},
    "success_statuses": [200],
    "success_field": None,
    "success_values": [],
    "busy_values": [],
    "id_field": None,
}
PHONE = Target("+8613800138000")


def provider(url="https://sms.test/send", **fields):
    return Setup("sms_http", url, headers={"authorization": "Bearer s3cret"}, settings=SMS | fields)


class TestSms:
    def test_what_is_sent(self):
        post = composed("sms_http", PHONE, provider(), title=None, body="Your code: 1234", url="https://shop.test/a")
        assert json.loads(post.body) == {
            "to": "+8613800138000",
            "text": "Your code: 1234 https://shop.test/a",
            "meta": [{"ref": str(ID), "kind": 7}],
            "at": str(int(NOW.timestamp())),
        }
        assert post.headers["authorization"] == "Bearer s3cret"
        assert post.method == "POST"

    @given(st.text(max_size=300))
    def test_what_people_wrote_is_a_value_and_nothing_else(self, text):
        said = json.loads(composed("sms_http", PHONE, provider(), title=None, body=text).body)
        assert said.keys() == SMS["body"].keys()
        assert said["to"] == "+8613800138000"

    def test_a_form_and_an_address_are_written_as_such(self):
        flat = {"to": "{{ to }}", "text": "{{ text }}"}
        form = composed("sms_http", PHONE, provider(content_type="form", body=flat), title=None, body=HOSTILE)
        assert parse_qs(form.body.decode()) == {"to": ["+8613800138000"], "text": [HOSTILE]}
        got = composed(
            "sms_http", PHONE, provider("https://sms.test/?a=1", method="GET", body=flat), title=None, body="a&to=1"
        )
        assert parse_qs(urlsplit(got.url).query) == {"a": ["1"], "to": ["+8613800138000"], "text": ["a&to=1"]}
        assert (got.method, got.body) == ("GET", b"")

    def test_a_long_text_is_cut(self):
        said = json.loads(composed("sms_http", PHONE, provider(), title=None, body="好" * 5_000).body)
        assert len(said["text"]) == TEXT_CHARACTERS

    def test_a_template_that_asks_for_what_is_not_there_can_never_be_sent(self):
        with pytest.raises(Unsendable):
            composed("sms_http", PHONE, provider(body={"to": "{{ nobody }}"}))

    @pytest.mark.parametrize(
        ("status", "body", "outcome", "id"),
        [
            (200, '{"code": 0, "data": [{"id": "m1"}]}', Outcome.SENT, "m1"),
            (200, '{"code": "0", "data": [{"id": 5}]}', Outcome.SENT, "5"),
            (200, '{"code": "0"}', Outcome.SENT, None),
            (200, '{"code": "isv.BUSY"}', Outcome.LATER, None),
            (200, '{"code": "isv.BAD"}', Outcome.FAILED, None),
            (200, '{"code": true}', Outcome.FAILED, None),
            (200, "", Outcome.FAILED, None),
            (200, "[" * 5_000, Outcome.FAILED, None),
            (202, '{"code": 0}', Outcome.FAILED, None),
            (429, "", Outcome.LATER, None),
            (503, "", Outcome.LATER, None),
            (401, "", Outcome.FAILED, None),
            (302, "", Outcome.FAILED, None),
        ],
    )
    def test_what_an_answer_means(self, status, body, outcome, id):
        fields = {
            "success_field": "code",
            "success_values": ["0"],
            "busy_values": ["isv.BUSY"],
            "id_field": "data.0.id",
        }
        verdict = WAYS[Kind.SMS_HTTP].judge(provider(**fields), status, {}, body)
        assert (verdict.outcome, verdict.provider_id) == (outcome, id)

    def test_without_fields_the_status_says_all(self):
        assert WAYS[Kind.SMS_HTTP].judge(provider(), 200, {}, "<html>").outcome is Outcome.SENT
