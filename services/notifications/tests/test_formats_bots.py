"""Bodies and signatures of bots, and what their answers mean."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from opsloop_notifications.formats.chats import MARKDOWN_BYTES, feishu_sign
from opsloop_notifications.formats.rules import BOTS, DINGTALK, FEISHU, PAGERDUTY, SLACK, WECOM, Post, judge, render

NOW = datetime.fromtimestamp(1_795_680_000, UTC)
HOSTILE = "<!channel> <@U1> @all [pay](https://evil.test) **now** `x` </font> \u202e\x00 & <at id=all></at> 😀"
LINK = "https://ops.example.test/posts/1?a=(b)|c"


def event(name="Spring", link=LINK):
    return {
        "specversion": "1.0",
        "type": "campaign.paused",
        "subject": "campaign/1",
        "time": "2026-11-22T08:00:00Z",
        "workspace": "acme",
        "link": link,
        "data": {"campaign_id": "1", "name": name},
    }


BREACH = {
    "specversion": "1.0",
    "type": "kpi.breached",
    "subject": "monitor/0198c0de-0000-7000-8000-000000000001",
    "time": "2026-11-22T08:00:00Z",
    "workspace": "acme",
    "link": "https://ops.example.test/api/metrics/v1/breaches/0198c0de-0000-7000-8000-000000000002",
    "data": {
        "incident_id": "0198c0de-0000-7000-8000-000000000002",
        "kpi": "paid_conversion",
        "kpi_name": "Visitors who pay",
        "unit": "ratio",
        "value": 0.183,
        "threshold": 0.2,
        "operator": "lt",
        "severity": "warning",
    },
}
"""The example of docs/bots.md."""


def made(format, name="Spring", *, language="en", secret="a-secret", link=LINK, document=None):  # noqa: S107
    post = render(format, document or event(name, link), language=language, secret=secret, now=NOW)
    return json.loads(post.body), post


def test_slack():
    body, _ = made(SLACK)

    assert body["text"] == "Campaign Spring is paused"
    header, section, link = body["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": "Campaign Spring is paused", "emoji": False},
    }
    assert section["text"]["text"] == "Campaign Spring is paused\nacme · 2026-11-22 08:00 UTC"
    assert link["text"] == {
        "type": "mrkdwn",
        "text": "<https://ops.example.test/posts/1?a=%28b%29%7Cc|Open>",
    }


def test_slack_takes_what_others_write_for_text():
    body, _ = made(SLACK, HOSTILE)

    assert "&lt;!channel&gt; &lt;@U1&gt;" in body["text"]
    assert "<" not in body["text"]
    assert [block["text"]["type"] for block in body["blocks"]] == ["plain_text", "plain_text", "mrkdwn"]
    assert "channel" not in body["blocks"][2]["text"]["text"]


def test_slack_keeps_to_its_limits():
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "😀" * 300},
            "annotations": {"summary": "支" * 900},
            "startsAt": "2026-11-22T08:00:00Z",
            "generatorURL": "",
        }
    ] * 100
    group = {"alerts": alerts, "truncatedAlerts": 0, "groupKey": "k", "externalURL": "", "receiver": "r"}

    header, section = made(SLACK, document=group)[0]["blocks"]

    assert len(header["text"]["text"]) <= 150
    assert len(section["text"]["text"]) <= 3_000
    assert len(made(FEISHU, document=group)[1].body) <= 20 * 1024
    assert len(made(WECOM, document=group)[0]["markdown"]["content"].encode()) <= MARKDOWN_BYTES
    assert len(made(DINGTALK, document=group)[1].body) <= 20_000


def test_feishu_is_signed_as_the_published_way():
    body, _ = made(FEISHU, secret="opsloop-test-secret")

    assert body["timestamp"] == "1795680000"
    assert body["sign"] == feishu_sign("opsloop-test-secret", 1_795_680_000)
    assert body["sign"] == "kl/phecglQMh1TVRmGBtIERTorHOx5JaOLh+B2ihatQ="


def test_feishu_is_all_plain_text():
    body, _ = made(FEISHU, HOSTILE, language="zh", secret=None)

    assert "sign" not in body
    assert body["card"]["header"]["title"] == {
        "tag": "plain_text",
        "content": "活动 " + HOSTILE.replace("\u202e\x00 ", "") + " 已暂停",
    }
    text, action = body["card"]["elements"]
    assert text["text"]["tag"] == "plain_text"
    assert action["actions"] == [
        {"tag": "button", "text": {"tag": "plain_text", "content": "查看"}, "type": "default", "url": LINK}
    ]
    assert "lark_md" not in json.dumps(body)


def test_feishu_fits_when_all_is_written_as_two_bytes():
    _, post = made(FEISHU, '"' * 5_000, link="https://x/" + '"' * 900)
    labels = {"alertname": '"' * 300, "severity": "\\" * 300}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": '"' * 300},
        "startsAt": "",
        "generatorURL": "",
    }
    group = {
        "alerts": [alert] * 50,
        "truncatedAlerts": 0,
        "groupKey": "k",
        "externalURL": "https://x/" + '"' * 900,
        "receiver": "r",
    }

    assert len(post.body) <= 20 * 1024
    assert len(made(FEISHU, document=group)[1].body) <= 20 * 1024


def test_dingtalk_signs_its_address():
    _, post = made(DINGTALK, secret="SEC1")
    url = post.url("https://oapi.dingtalk.com/robot/send?access_token=t")

    asked = parse_qs(urlsplit(url).query)
    expected = base64.b64encode(hmac.digest(b"SEC1", b"1795680000000\nSEC1", hashlib.sha256)).decode()
    assert asked == {"access_token": ["t"], "timestamp": ["1795680000000"], "sign": [expected]}
    assert "+" not in urlsplit(url).query
    assert made(DINGTALK, secret=None)[1].url("https://x/?access_token=t") == "https://x/?access_token=t"
    assert Post(b"", {"a": "b"}).url("https://x/") == "https://x/?a=b"


@pytest.mark.parametrize("format", [DINGTALK, WECOM])
def test_markdown_takes_what_others_write_for_text(format):
    body, _ = made(format, HOSTILE)
    text = body["markdown"]["text" if format == DINGTALK else "content"]

    title, *rest = text.split("\n\n" if format == DINGTALK else "\n")
    assert title == (
        "**Campaign ＜!channel＞ ＜＠U1＞ ＠all ［pay］(https://evil.test) ＊＊now＊＊ ｀x｀ "
        "＜/font＞ & ＜at id=all＞＜/at＞ 😀 is paused**"
    )
    assert rest[-1] == "[Open](https://ops.example.test/posts/1?a=%28b%29%7Cc)"
    assert format == WECOM or body["at"] == {"isAtAll": False}


def test_markdown_is_cut_before_the_link():
    alert = {
        "status": "firing",
        "labels": {"alertname": "支付" * 90},
        "annotations": {},
        "startsAt": "",
        "generatorURL": "https://x/" + '"' * 990,
    }
    group = {"alerts": [alert] * 20, "truncatedAlerts": 0, "groupKey": "k", "externalURL": "", "receiver": "r"}

    content = made(WECOM, document=group, language="zh")[0]["markdown"]["content"]

    assert len(content.encode()) <= MARKDOWN_BYTES
    assert content.endswith("%22)")
    assert "…\n[查看](https://x/%22" in content


def test_pagerduty():
    body, _ = made(PAGERDUTY, secret="R0UTING", link="https://ops.example.test/x")

    assert body == {
        "routing_key": "R0UTING",
        "event_action": "trigger",
        "dedup_key": "campaign/1",
        "client": "OpsLoop",
        "client_url": "https://ops.example.test/x",
        "links": [{"href": "https://ops.example.test/x", "text": "Open"}],
        "payload": {
            "summary": "Campaign Spring is paused",
            "source": "opsloop/acme",
            "severity": "info",
            "class": "campaign.paused",
            "custom_details": {"details": "acme · 2026-11-22 08:00 UTC"},
            "timestamp": "2026-11-22T08:00:00Z",
        },
    }
    long, _ = made(PAGERDUTY, document=event() | {"subject": "x" * 300})
    assert len(long["dedup_key"]) == 64


def test_only_those_that_have_a_secret_show_it_to_their_bot():
    shown = {format: str(made(format, secret="S3CR3T")) for format in BOTS}

    assert [format for format in sorted(BOTS) if "S3CR3T" in shown[format]] == [PAGERDUTY]


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("format", "status", "body", "failure", "detail", "wait"),
    [
        (SLACK, 200, "ok", None, None, None),
        (SLACK, 200, "<html>log in</html>", "refused", "<html>log in</html>", None),
        (SLACK, 200, None, "refused", "The answer says nothing.", None),
        (SLACK, 429, "rate_limited", "too_fast", "rate_limited", MINUTE),
        (FEISHU, 200, '{"code":0,"msg":"success"}', None, None, None),
        (FEISHU, 200, '{"StatusCode":0,"StatusMessage":"success"}', None, None, None),
        (
            FEISHU,
            200,
            '{"code":19021,"msg":"sign match fail"}',
            "refused",
            "19021: sign match fail",
            None,
        ),
        (FEISHU, 200, '{"code":11232,"msg":"too\\nfast"}', "too_fast", "11232: too fast", MINUTE),
        (DINGTALK, 200, '{"errcode":0,"errmsg":"ok"}', None, None, None),
        (DINGTALK, 200, '{"errcode":310000,"errmsg":"sign not match"}', "refused", "310000: sign not match", None),
        (DINGTALK, 200, '{"errcode":130101,"errmsg":"too fast"}', "too_fast", "130101: too fast", 10 * MINUTE),
        (WECOM, 200, '{"errcode":0,"errmsg":"ok"}', None, None, None),
        (WECOM, 200, '{"errcode":45009,"errmsg":"api freq out of limit"}', "too_fast", "45009: api freq out of limit", MINUTE),
        (WECOM, 200, '{"errcode":93000}', "refused", "93000: ", None),
        (WECOM, 200, '{"errcode":"0"}', "refused", 'No answer of such a bot: {"errcode":"0"}', None),
        (WECOM, 200, '{"errcode":false}', "refused", 'No answer of such a bot: {"errcode":false}', None),
        (WECOM, 200, "[0]", "refused", "No answer of such a bot: [0]", None),
        (WECOM, 200, "[" * 5_000, "refused", f"No answer of such a bot: {'[' * 299}…", None),
        (WECOM, 200, '{"errcode":' + "9" * 5_000 + "}", "refused", None, None),
        (PAGERDUTY, 202, '{"status":"success"}', None, None, None),
        (PAGERDUTY, 200, "welcome", "refused", "welcome", None),
        (PAGERDUTY, 429, "", "too_fast", None, MINUTE),
    ],
)  # fmt: skip
def test_what_an_answer_means(format, status, body, failure, detail, wait):
    verdict = judge(format, status, body)

    assert (verdict.failure, verdict.wait) == (failure, wait)
    assert detail is None or verdict.detail == detail
    assert len(verdict.detail or "") < 400


@pytest.mark.parametrize("format", sorted(BOTS))
@pytest.mark.parametrize("status", [301, 400, 404, 410, 500, 503])
def test_other_statuses_say_all_by_themselves(format, status):
    assert judge(format, status, "ok") is None


def test_the_document_shows_what_is_sent():
    page = (Path(__file__).parents[3] / "docs" / "bots.md").read_text()

    for format in BOTS:
        shown = page.split(f"### {format}\n")[1].split("```json\n")[1].split("\n```")[0]
        secret = {PAGERDUTY: "R0UTINGKEY", FEISHU: "opsloop-test-secret"}.get(format)
        sent, _ = made(format, secret=secret, document=BREACH)
        assert json.loads(shown) == sent, format
