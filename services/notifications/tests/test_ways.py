"""The ways out besides mail: what is called, and what an answer means. No call is made."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Invalid
from opsloop_notifications.ways.chats import Chat
from opsloop_notifications.ways.rules import (
    CHATS,
    WAYS,
    Button,
    Kind,
    Outcome,
    Setup,
    Target,
    Told,
    channel_of,
    rate_of,
    require_setup,
)
from opsloop_notifications.ways.statuses import by_status, wait_of

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


class TestRules:
    @pytest.mark.parametrize(
        ("kind", "channel"), [("slack", "chat"), ("wecom", "chat"), ("web_push", "push"), ("sms_http", "sms")]
    )
    def test_a_kind_is_meant_by_one_channel(self, kind, channel):
        assert channel_of(kind) == channel

    def test_every_kind_has_a_way(self):
        assert WAYS.keys() == set(Kind)
        assert all(isinstance(WAYS[kind], Chat) for kind in CHATS)

    @pytest.mark.parametrize(
        ("kind", "wanted", "rate"),
        [("slack", None, 1.0), ("slack", 5, 5), ("sms_http", None, None), ("web_push", 9, 9)],
    )
    def test_makers_and_owners_say_how_fast(self, kind, wanted, rate):
        assert rate_of(kind, wanted) == rate

    @pytest.mark.parametrize(
        ("kind", "has", "pointer"),
        [
            ("slack", {"url"}, None),
            ("slack", set(), "/url"),
            ("slack", {"url", "secret"}, "/secret"),
            ("teams", {"url", "secret"}, "/secret"),
            ("feishu", {"url", "secret"}, None),
            ("dingtalk", {"url"}, None),
            ("dingtalk", {"url", "headers"}, "/headers"),
            ("wecom", {"url", "sms"}, "/sms"),
            ("wecom", {"url", "subject"}, "/subject"),
            ("web_push", {"subject"}, None),
            ("web_push", set(), "/subject"),
            ("web_push", {"subject", "url"}, "/url"),
            ("web_push", {"subject", "secret"}, "/secret"),
            ("sms_http", {"url", "sms", "headers"}, None),
            ("sms_http", {"url"}, "/sms"),
            ("sms_http", {"sms"}, "/url"),
            ("sms_http", {"url", "sms", "secret"}, "/secret"),
        ],
    )
    def test_each_kind_has_what_it_needs_and_no_more(self, kind, has, pointer):
        asked = {f"has_{name}": name in has for name in ("url", "secret", "sms", "subject", "headers")}
        if pointer is None:
            require_setup(kind, **asked)
            return
        with pytest.raises(Invalid) as refused:
            require_setup(kind, **asked)
        assert refused.value.errors[0].pointer == pointer


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (200, Outcome.SENT), (201, Outcome.SENT), (299, Outcome.SENT),
            (301, Outcome.FAILED), (302, Outcome.FAILED), (307, Outcome.FAILED),
            (400, Outcome.FAILED), (401, Outcome.FAILED), (403, Outcome.FAILED), (404, Outcome.FAILED), (413, Outcome.FAILED),
            (408, Outcome.LATER), (425, Outcome.LATER), (429, Outcome.LATER),
            (500, Outcome.LATER), (502, Outcome.LATER), (503, Outcome.LATER), (599, Outcome.LATER),
        ],
    )  # fmt: skip
    def test_what_a_status_means(self, status, outcome):
        assert by_status(status, {}, "").outcome is outcome

    @pytest.mark.parametrize(
        ("said", "wait"),
        [
            ("0", timedelta(0)), ("30", timedelta(seconds=30)), ("999999999", timedelta(days=1)), ("9999999999", None),
            ("-1", None), ("soon", None), ("٣", None), ("", None), ("1.5", None),
        ],
    )  # fmt: skip
    def test_how_long_to_wait(self, said, wait):
        assert wait_of({"retry-after": said}) == wait

    def test_who_gets_too_much_is_left_alone_for_a_minute_unless_it_says(self):
        assert by_status(429, {}, "").wait == timedelta(minutes=1)
        assert by_status(429, {"retry-after": "5"}, "").wait == timedelta(seconds=5)
        assert by_status(500, {}, "").wait is None

    @given(st.text(max_size=2_000))
    def test_words_are_short_and_one_line(self, body):
        detail = by_status(500, {}, body).detail
        assert len(detail) <= 320
        assert "\n" not in detail


class TestChats:
    @pytest.mark.parametrize("kind", sorted(CHATS))
    def test_buttons_are_links_that_the_chat_shows(self, kind):
        buttons = (Button("Acknowledge", "https://ops.test/p/a"), Button("Resolve", "https://ops.test/p/b"))
        body = json.loads(composed(kind, buttons=buttons, url="https://shop.test/").body)

        found = {
            "slack": lambda: [(each["text"]["text"], each["url"]) for each in body["blocks"][-1]["elements"]],
            "teams": lambda: [
                (each["title"], each["url"]) for each in body["attachments"][0]["content"]["actions"][1:]
            ],
            "feishu": lambda: [
                (each["text"]["content"], each["url"]) for each in body["card"]["elements"][-1]["actions"][1:]
            ],
            "dingtalk": lambda: [(each["title"], each["actionURL"]) for each in body["actionCard"]["btns"][1:]],
            "wecom": lambda: [(each["title"], each["url"]) for each in body["template_card"]["jump_list"][1:]],
        }[kind]()
        assert found == list(buttons)

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            ("slack", "<@U024BE7LH>"),
            ("teams", "<at>U024BE7LH</at>"),
            ("feishu", "<at id=U024BE7LH></at>"),
            ("dingtalk", "@U024BE7LH"),
            ("wecom", "<@U024BE7LH>"),
        ],
    )
    def test_who_is_meant_is_mentioned(self, kind, shown):
        body = json.loads(composed(kind, Target("U024BE7LH")).body)
        assert shown in json.dumps(body)
        if kind == "dingtalk":
            assert body["at"] == {"isAtAll": False, "atUserIds": ["U024BE7LH"]}
        if kind == "teams":
            (entity,) = body["attachments"][0]["content"]["msteams"]["entities"]
            assert entity["mentioned"] == {"id": "U024BE7LH", "name": "U024BE7LH"}

    def test_dingtalk_knows_people_by_their_phone_too(self):
        body = json.loads(composed("dingtalk", Target("+8613800138000")).body)
        assert body["at"]["atMobiles"] == ["+8613800138000"]

    @pytest.mark.parametrize("kind", sorted(CHATS))
    def test_words_of_others_mention_nobody_and_link_nowhere(self, kind):
        for text in (composed(kind, title=HOSTILE, body=HOSTILE).body, composed(kind, title=None, body=HOSTILE).body):
            body = json.loads(text)
            if kind in ("dingtalk", "wecom"):
                assert "](https://evil" not in json.dumps(body, ensure_ascii=False)
            if kind == "slack":
                marked = [block for block in body["blocks"] if block["text"]["type"] == "mrkdwn"]
                assert marked == []
                assert body["mrkdwn"] is False

    @pytest.mark.parametrize("kind", sorted(CHATS))
    def test_a_path_of_a_page_is_no_link_of_a_chat(self, kind):
        assert b"/orders/7" not in composed(kind, url="/orders/7").body
        assert b"https://shop.test/7" in composed(kind, url="https://shop.test/7").body

    @pytest.mark.parametrize("kind", sorted(CHATS))
    def test_without_a_title_the_first_line_stands_there(self, kind):
        text = json.dumps(json.loads(composed(kind, title=None, body="First\nsecond").body))
        assert "First" in text
        assert "second" in text

    @pytest.mark.parametrize(
        ("kind", "status", "body", "outcome"),
        [
            ("slack", 200, "ok", Outcome.SENT),
            ("slack", 200, "no_service", Outcome.FAILED),
            ("slack", 404, "channel_not_found", Outcome.FAILED),
            ("teams", 202, "", Outcome.SENT),
            ("teams", 200, "1", Outcome.SENT),
            ("teams", 200, "Webhook message delivery failed with error: HTTP error 429", Outcome.LATER),
            ("teams", 200, "Summary or Text is required.", Outcome.FAILED),
            ("feishu", 200, '{"code": 0}', Outcome.SENT),
            ("feishu", 200, '{"code": 11232, "msg": "frequency limited"}', Outcome.LATER),
            ("feishu", 200, '{"code": 19001, "msg": "invalid"}', Outcome.FAILED),
            ("dingtalk", 200, '{"errcode": 0}', Outcome.SENT),
            ("dingtalk", 200, '{"errcode": -1, "errmsg": "system busy"}', Outcome.LATER),
            ("dingtalk", 200, '{"errcode": 130101}', Outcome.LATER),
            ("dingtalk", 200, '{"errcode": 310000}', Outcome.FAILED),
            ("wecom", 200, '{"errcode": 45009}', Outcome.LATER),
            ("wecom", 200, '{"errcode": 45033}', Outcome.LATER),
            ("wecom", 200, '{"errcode": 93000}', Outcome.FAILED),
            ("wecom", 502, "<html>", Outcome.LATER),
        ],
    )
    def test_what_an_answer_means(self, kind, status, body, outcome):
        assert WAYS[Kind(kind)].judge(Setup(kind, ""), status, {}, body).outcome is outcome

    def test_the_longest_wait_counts(self):
        wait = WAYS[Kind.SLACK].judge(Setup("slack", ""), 429, {"retry-after": "300"}, "").wait
        assert wait == timedelta(minutes=5)
