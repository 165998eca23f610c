"""What the page of an endpoint shows, and how: hostile words stay words, secrets stay secret, in two languages."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.portal import rules
from opsloop_notifications.portal.layout import STYLE
from opsloop_notifications.portal.words import WORDS
from opsloop_notifications.settings import NotificationsSettings
from services.notifications.tests.receiving import Receiver

HOSTILE = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp; \u202e 支付"
SECRET = "Bearer very-secret-value"
ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
VOID = {"meta", "input", "br"}


@pytest.fixture
async def receiver(api):
    settings = settings_for_tests(
        NotificationsSettings, outbound_allow="127.0.0.0/8", public_url="http://testserver", port=1
    )
    service = await api(SERVICE, settings)
    made = Receiver(service, await service.key(), None)
    hook = {"url": "http://127.0.0.1:9/hook?key=very-secret-query", "headers": {"Authorization": SECRET}}
    made.hook = await made.call("POST", "/v1/webhooks", 201, event_types=["campaign.*", "kpi.*"], **hook)
    return made


class Outline(HTMLParser):
    """Which elements a page has, and whether each is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(html):
    found = Outline()
    found.feed(html)
    assert found.open == []
    return found.seen


async def tried(receiver, name="x", **fields):
    await receiver.happen(name)
    found = (await receiver.deliveries())[0]["id"]
    await receiver.end(found, "failed", "http_error")
    await receiver.answered(found, **fields)
    return found


async def test_an_endpoint_says_where_it_is_what_it_hears_and_how_it_fares(receiver):
    states = ("succeeded", "failed", "cancelled", "failed")
    await receiver.happen(*(f"n{number}" for number in range(5)))
    for delivery, state in zip(await receiver.deliveries(), states, strict=False):
        await receiver.end(delivery["id"], state, "http_error" if state == "failed" else None)
    await receiver.open(["view"])

    page = await receiver.see()
    assert "<h1>127.0.0.1:9</h1>" in page
    assert "http://127.0.0.1:9/hook?key=…" in page
    assert "campaign.*, kpi.*" in page
    assert "Of the newest 5 deliveries" in page
    told = re.search(r"Of the newest 5 deliveries</span>(.*?)</p>", page)[1]
    assert re.sub(r"<[^>]+>", "", told).strip() == "✕ Failed 2 · ◷ Waiting 1 · ✓ Arrived 1 · – Cancelled 1"
    assert "● Enabled" in page
    assert "What you can do" not in page


async def test_one_that_fails_says_since_when(receiver):
    await receiver.run("UPDATE webhook SET failing_since = '2026-11-22T08:00:00Z', failures = 4")
    await receiver.open(["view"])

    assert "▲ Failing" in await receiver.see()
    assert re.search("Nothing has arrived since</dt><dd><time[^>]+>Nov 22, 2026", await receiver.see())
    assert "▲ 持续失败" in await receiver.see(headers=ZH)


async def test_deliveries_are_paged_by_state_and_none_is_left_out(receiver, monkeypatch):
    monkeypatch.setattr(rules, "PAGE", 3)
    await receiver.happen(*(f"n{number}" for number in range(8)))
    listed = [each["id"] for each in await receiver.deliveries()]
    for delivery_id in listed[::2]:
        await receiver.end(delivery_id, "failed", "timeout")
    await receiver.open(["view"])

    async def walk(**query):
        found, path = [], ""
        while True:
            page = await receiver.see(path, **query)
            found.append(re.findall(r"/deliveries/([0-9a-f-]{36})", page))
            older = re.search(r'href="[^"?]+\?([^"]+)">Older', page)
            if older is None:
                return found
            path, query = f"?{older[1].replace('&amp;', '&')}", {}

    assert await walk() == [listed[:3], listed[3:6], listed[6:]]
    assert await walk(status="failed") == [listed[::2][:3], listed[::2][3:]]
    assert await walk(status="succeeded") == [[]]
    assert await walk(status="no-such-state") == [listed[:3], listed[3:6], listed[6:]]
    assert "Nothing in this state." in await receiver.see(status="succeeded")


async def test_an_endpoint_that_got_nothing_says_what_will_stand_there(receiver):
    await receiver.open(["view"])

    assert "What is sent to this endpoint will stand here." in await receiver.see()
    assert (await receiver.browser.get(f"{receiver.page}?before=no-id")).status_code == 422


async def test_a_delivery_shows_what_was_sent_and_what_came_back(receiver):
    delivery_id = await tried(
        receiver, "暂停", body="try later", headers='{"webhook-id": "abc", "user-agent": "OpsLoop"}'
    )
    await receiver.answered(delivery_id, number=2, status=None, failure="timeout")
    await receiver.open(["view"])

    page = await receiver.see(f"/deliveries/{delivery_id}")
    delivered = await receiver.call("GET", f"/v1/deliveries/{delivery_id}")
    [payload, *others] = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert payload.replace("&quot;", '"') == delivered["payload"]
    assert json.loads(payload.replace("&quot;", '"'))["data"]["name"] == "暂停"
    assert "webhook-id: abc" in "".join(others)
    assert "try later" in others
    assert "Attempt 2 · No answer" in page
    assert "gave no answer in time" in page
    assert "Attempt 1 · 500" in page
    assert "1,234 ms" in page
    assert page.index("Attempt 2") < page.index("Attempt 1")


async def test_what_a_template_made_is_shown_with_each_attempt(receiver):
    delivery_id = await tried(receiver, sent='{"text":"<b>first</b>"}')
    await receiver.answered(delivery_id, number=2, status=200, failure=None, sent='{"text":"second"}')
    await receiver.answered(delivery_id, number=3, status=None, failure="template_failed")
    await receiver.open(["view"])

    page = await receiver.see(f"/deliveries/{delivery_id}")
    chinese = await receiver.see(f"/deliveries/{delivery_id}", lang="zh")

    shown = re.findall(r"Payload as sent</p><pre>(.*?)</pre>", page)
    assert [html.unescape(each) for each in shown] == ['{"text":"second"}', '{"text":"<b>first</b>"}']
    assert "<b>" not in page
    assert "could not be written by the template" in page
    assert "模板无法生成内容" in chinese


async def test_hostile_words_stay_words(receiver):
    delivery_id = await tried(receiver, HOSTILE, body=HOSTILE, headers=json.dumps({HOSTILE[:40]: HOSTILE}))
    await receiver.run("UPDATE delivery SET event_type = :type, failure = :type", type=HOSTILE)
    await receiver.run("UPDATE webhook SET event_types = ARRAY[:type], format = :type", type=HOSTILE)
    await receiver.open()

    for path in ("", f"/deliveries/{delivery_id}"):
        page = await receiver.see(path)
        assert {tag for tag, _ in outline(page)}.isdisjoint({"script", "img"})
        assert "支付" in page
        assert not any(name.startswith("on") for _, attrs in outline(page) for name in attrs)


async def test_secrets_are_not_shown(receiver):
    delivery_id = await tried(receiver)
    await receiver.open()

    for path in ("", f"/deliveries/{delivery_id}"):
        page = await receiver.see(path)
        for secret in ("very-secret", receiver.hook["secret"], receiver.hook["secret"].removeprefix("whsec_")):
            assert secret not in page


async def test_what_is_long_is_cut_and_says_so(receiver):
    delivery_id = await tried(receiver, body="é" * rules.BODY_SHOWN_CHARACTERS)
    for number in range(2, 30):
        await receiver.answered(delivery_id, number=number)
    await receiver.run("UPDATE delivery SET document = :long", long="x" * (rules.BODY_SHOWN_CHARACTERS + 1))
    await receiver.open(["view"])

    page = await receiver.see(f"/deliveries/{delivery_id}")
    assert "x" * rules.BODY_SHOWN_CHARACTERS + "</pre>" in page
    assert page.count(WORDS["cut"][0]) == 1
    assert page.count("<details>") == rules.ATTEMPTS_SHOWN
    assert "Attempt 29" in page


async def test_a_page_runs_nothing_loads_nothing_and_stays_with_its_reader(receiver):
    delivery_id = await tried(receiver)
    await receiver.open()
    token = re.search(r'name="form_token" value="([^"]+)"', await receiver.see())[1]

    answers = [
        await receiver.browser.get(receiver.page),
        await receiver.browser.get(f"{receiver.page}/deliveries/{delivery_id}"),
        await receiver.browser.post(f"{receiver.page}/rotate", data={"form_token": token, "version": "1"}),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert answer.status_code == 200
        assert policy.startswith("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; ")
        assert "script-src" not in policy
        assert policy.endswith("; sandbox allow-forms allow-same-origin")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] in ("no-referrer", "same-origin")
        assert re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)[1] == STYLE
        assert "http://" not in answer.text.replace("http://127.0.0.1:9", "")
        assert 'style="' not in answer.text


async def test_a_page_can_be_read_by_ear_and_worked_by_keys(receiver):
    delivery_id = await tried(receiver)
    await receiver.open()

    for path in ("", f"/deliveries/{delivery_id}", "?said=resumed"):
        seen = outline((await receiver.browser.get(f"{receiver.page}{path}")).text)
        tags = [tag for tag, _ in seen]
        assert tags.count("h1") == tags.count("main") == tags.count("header") == 1
        assert ("a", {"class": "skip", "href": "#main"}) in seen
        assert all(attrs.get("method") == "post" for tag, attrs in seen if tag == "form")
        assert tags.count("label") == tags.count("select")
        heard = [attrs for _, attrs in seen if attrs.get("role") == "status"]
        assert len(heard) == path.count("said")


async def test_the_page_is_chinese_for_who_prefers_it_and_has_a_switch(receiver):
    delivery_id = await tried(receiver)
    await receiver.open()

    chinese, english = await receiver.see(headers=ZH), await receiver.see(headers={"Accept-Language": "en"})
    assert '<html lang="zh-CN">' in chinese
    assert '<html lang="en">' in english
    assert "补发错过的事件" in chinese
    assert "投递记录" in chinese
    for words, chinese_words in WORDS.values():
        if words in english and "{" not in words and len(words) > 12:
            assert chinese_words in chinese or words == "Webhook endpoint", words
            assert words not in chinese, words
    switched = re.search(r'<a lang="en" href="([^"]+)">English', chinese)[1].replace("&amp;", "&")
    assert '<html lang="en">' in await receiver.see(switched, headers=ZH)
    # from page to page the choice stays
    assert f"deliveries/{delivery_id}?lang=en" in await receiver.see("?lang=en", headers=ZH)
    assert (
        await receiver.said(f"/deliveries/{delivery_id}/resend?lang=zh", f"/deliveries/{delivery_id}") == "已重新发送。"
    )


async def test_a_notice_is_one_of_ours(receiver):
    await receiver.open()

    assert 'role="status"' not in await receiver.see(said="<b>You won</b>")
    assert 'role="status"' not in await receiver.see()
    assert "Calls go on." in await receiver.see(said="resumed")


async def test_times_are_in_the_workspaces_zone(receiver):
    await receiver.call("PATCH", "/v1/workspace", time_zone="Asia/Shanghai")
    delivery_id = await tried(receiver)
    await receiver.open(["view"])

    page = await receiver.see(f"/deliveries/{delivery_id}", headers=ZH)
    assert re.search(r'<time datetime="2026-11-22T08:00:00\+00:00">[^<]*16:00', page)


async def test_one_told_of_alerts_has_nothing_to_recover(receiver):
    hook = await receiver.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/am", format="alertmanager")
    receiver.hook = hook
    await receiver.open()

    assert "/recover" not in await receiver.see()
    assert "/pause" in await receiver.see()


async def test_a_bots_address_is_hidden_and_it_has_no_secret_of_ours(receiver):
    bot = {"url": "http://127.0.0.1:9/hook/t0ken?key=t0ken", "format": "feishu", "signature": "both"}
    receiver.hook = await receiver.call("POST", "/v1/webhooks", 201, **bot)
    made = await receiver.call("POST", f"/v1/webhooks/{receiver.hook['id']}/test", 202)
    await receiver.open()

    page = await receiver.see()
    assert "http://127.0.0.1:9/…" in page
    assert not any(hidden in page for hidden in ("t0ken", "whpk_", "/rotate", "Signed by"))
    assert "/recover" in page
    assert "What the message was written from" in await receiver.see(f"/deliveries/{made['id']}")
    assert "消息所依据的内容" in await receiver.see(f"/deliveries/{made['id']}", headers=ZH)
    answer = await receiver.act("/rotate", version="1")
    assert (answer.status_code, "No secret of ours" in answer.text) == (409, True)


async def test_a_bot_that_is_told_of_alerts_has_nothing_to_recover(receiver):
    bot = {"url": "http://127.0.0.1:9/hook", "format": "slack", "about": "alerts"}
    receiver.hook = await receiver.call("POST", "/v1/webhooks", 201, **bot)
    await receiver.open()

    assert "/recover" not in await receiver.see()


async def test_an_address_with_other_letters_is_shown(receiver):
    receiver.hook = await receiver.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/%E9%92%A9?a=%3Cb%3E")
    await receiver.open(["view"])

    assert "http://127.0.0.1:9/%E9%92%A9?a=…" in await receiver.see()
