"""Buttons, mentions and Teams' cards, as the chats' makers describe them."""

import json
from datetime import UTC, datetime

import pytest

from opsloop_notifications.formats.chats import TEAMS_TEXT_BYTES
from opsloop_notifications.formats.rules import TEAMS, Button, Message, judge, render, render_message
from services.notifications.tests.test_formats_bots import BREACH, HOSTILE, NOW, event

CHATS = ("slack", "teams", "feishu", "dingtalk", "wecom")
PRESS = (Button("Acknowledge", "https://ops.test/p/a"), Button("解决", "https://ops.test/p/b?x=1&y=2"))


def message(**fields):
    given = {
        "title": "Down", "lines": ("severity: critical",), "link": None, "severity": "critical", "action": "trigger",
        "key": "k", "about": "alerts", "source": "opsloop/acme", "at": "",
    }  # fmt: skip
    return Message(**given | fields)


def body_of(format, language="en", **fields):
    return json.loads(render_message(format, message(**fields), language=language, secret=None, now=NOW).body)


def words(value):
    """Return all texts of a document."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in words(each)]
    if isinstance(value, list):
        return [text for each in value for text in words(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("format", CHATS)
def test_each_button_has_its_words_and_its_address(format):
    said = words(body_of(format, buttons=PRESS))
    for button in PRESS:
        assert button.words in said
        assert button.url in said
    assert "severity: critical" in " ".join(said)


@pytest.mark.parametrize("format", CHATS)
@pytest.mark.parametrize(("language", "open_it"), [("en", "Open"), ("zh", "查看")])
def test_the_link_comes_first_in_the_readers_language(format, language, open_it):
    said = " ".join(words(body_of(format, language, buttons=PRESS, link="https://ops.test/a")))
    assert open_it in said
    assert "https://ops.test/a" in said


@pytest.mark.parametrize("format", CHATS)
def test_without_buttons_and_mentions_all_is_as_it_was(format):
    assert body_of(format) == body_of(format, buttons=(), mention=None)
    assert "actions" not in json.dumps(body_of(format))


def test_slack_cuts_the_words_of_a_button():
    blocks = body_of("slack", buttons=(Button("x" * 200, "https://a.test/"),))["blocks"]
    (element,) = blocks[-1]["elements"]
    assert (element["type"], len(element["text"]["text"]), element["text"]["type"]) == ("button", 75, "plain_text")


def test_wecom_shows_three_jumps_and_opens_the_first():
    card = body_of("wecom", buttons=(*PRESS, *PRESS), title="t" * 200, lines=("l" * 900,))["template_card"]
    assert len(card["jump_list"]) == 3
    assert card["card_action"] == {"type": 1, "url": PRESS[0].url}
    assert len(card["main_title"]["title"]) <= 64
    assert len(card["sub_title_text"]) <= 400


def test_dingtalk_shows_a_card_of_which_nothing_is_markup():
    body = body_of("dingtalk", buttons=PRESS, title=HOSTILE, lines=(HOSTILE,))
    assert body["msgtype"] == "actionCard"
    assert "](https" not in body["actionCard"]["text"]
    assert [each["actionURL"] for each in body["actionCard"]["btns"]] == [button.url for button in PRESS]


@pytest.mark.parametrize(
    ("format", "shown"),
    [
        ("slack", "<@U1>"),
        ("teams", "<at>U1</at>"),
        ("feishu", "<at id=U1></at>"),
        ("dingtalk", "@U1"),
        ("wecom", "<@U1>"),
    ],
)
def test_who_is_meant_is_called_as_the_chat_does(format, shown):
    assert shown in " ".join(words(body_of(format, mention="U1")))


def test_wecom_keeps_to_its_limit_with_a_mention():
    body = body_of("wecom", mention="U" * 100, title="好" * 300, lines=("好" * 2_000,))
    assert len(body["markdown"]["content"].encode()) <= 4_096


def test_teams_shows_runs_of_text_which_know_no_markup():
    body = json.loads(render(TEAMS, event(HOSTILE), language="en", secret=None, now=NOW).body)
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert (body["type"], card["type"], card["version"]) == ("message", "AdaptiveCard", "1.4")
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert card["body"][0]["inlines"][0]["weight"] == "Bolder"
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]


def test_teams_keeps_to_its_limit():
    alert = {
        "status": "firing",
        "labels": {"alertname": "支" * 300},
        "annotations": {"summary": "付" * 900},
        "startsAt": "2026-11-22T08:00:00Z",
        "generatorURL": "",
    }
    group = {"alerts": [alert] * 100, "truncatedAlerts": 0, "groupKey": "k", "externalURL": "", "receiver": "r"}
    post = render(TEAMS, group, language="zh", secret=None, now=NOW)
    assert TEAMS_TEXT_BYTES < len(post.body) < 28 * 1024 or len(post.body) <= TEAMS_TEXT_BYTES * 2


@pytest.mark.parametrize(
    ("status", "said", "failure"),
    [
        (202, "", None),
        (200, "1", None),
        (200, "", None),
        (200, "Summary or Text is required.", "refused"),
        (200, "Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0", "too_fast"),
        (429, "Rate limit is exceeded.", "too_fast"),
    ],
)
def test_what_teams_answers(status, said, failure):
    assert judge(TEAMS, status, said).failure == failure


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 500, 503])
def test_other_statuses_say_all_by_themselves(status):
    assert judge(TEAMS, status, "") is None


@pytest.mark.parametrize("format", ["dingtalk", "wecom"])
def test_a_fault_of_theirs_that_passes_is_waited_for(format):
    verdict = judge(format, 200, '{"errcode": -1, "errmsg": "system busy"}')
    assert (verdict.failure, verdict.wait.total_seconds()) == ("too_fast", 60)


def test_a_breach_reads_the_same_in_every_chat():
    for format in CHATS:
        post = render(format, BREACH, language="en", secret=None, now=datetime(2026, 11, 22, tzinfo=UTC))
        assert "Visitors who pay is in alarm: 18.3%" in post.body.decode()
