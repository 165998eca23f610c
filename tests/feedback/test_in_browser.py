"""In a real browser, narrow and by keyboard alone: a complaint is sent, seen in the queue, answered, and the answer seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.feedback.tests.browsers import Tab, browsing, needs_browser
from services.feedback.tests.shops import shop
from services.feedback.tests.test_attachments import Files
from services.feedback.tests.test_form_pages_browser import FOCUSED, OVERFLOW, page_of
from services.feedback.tests.test_form_pages_browser import tab_to as tab_on_page_to
from services.feedback.tests.test_widget_browser import ROOT, SHOWN, loaded, tab_to
from tests.feedback.test_scenarios import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), needs_browser]
SAID = "支付失败，而且重复扣款两次，截图在附件里。"
ANSWER, THANKS = "已为您退款，请查收。", "收到了，谢谢"


async def queued(desk: Files) -> dict[str, Any]:
    """Return the one post that stands in the queue."""
    [post] = (await desk.get("/v1/feedback", sort="-created", status="new"))["items"]
    assert (post["body"], post["locale"], post["severity"]) == (SAID, "zh-CN", "s1")
    return dict(post)


async def answered(desk: Files, tab: Tab, post: dict[str, Any], host: str, folder: Path) -> None:
    """Answer a post, and look at the answer as its author, who answers again."""
    path = f"/v1/feedback/{post['id']}/messages"
    await ask(desk, path, {"kind": "note", "body": "先退款"}, 201)
    await ask(desk, path, {"kind": "reply", "body": ANSWER}, 201)
    link = urlsplit((await desk.get(f"/v1/feedback/{post['id']}/status-link"))["url"])
    here = urlsplit(host)

    await tab.go(f"{here.scheme}://{here.netloc}{link.path}?{link.query}")
    seen = await tab.ask("document.body.innerText")
    assert ANSWER in seen
    assert "先退款" not in seen
    assert await tab.ask(OVERFLOW) == 0
    await tab.picture(folder / f"answer-{post['channel']}-320.png")
    await tab_on_page_to(tab, "body")
    await tab.type(THANKS)
    await tab.press("Tab")
    assert await tab.ask(FOCUSED) == "Send · 发送"
    await tab.press_for_page("Enter")
    assert "谢谢，我们已收到。" in await tab.ask("document.body.innerText")
    await tab_on_page_to(tab, "Back · 返回")
    await tab.press_for_page("Enter")
    assert THANKS in await tab.ask("document.body.innerText")

    said = [(each["said_by"], each["body"]) for each in (await desk.get(path))["items"] if each["kind"] == "reply"]
    assert said == [("author", THANKS), ("staff", ANSWER)]


async def test_what_was_sent_by_a_form_is_answered_and_the_answer_seen(talk: Files, tmp_path: Path):
    async with page_of(talk, tmp_path) as tab:
        await tab.narrow(320)
        await tab.go(tab.url)
        await tab_on_page_to(tab, "body")
        await tab.type(SAID)
        await tab_on_page_to(tab, "rating")
        await tab.press("ArrowRight")
        await tab_on_page_to(tab, "发送")
        talk.api.clock.advance(30)  # as long as somebody reads and writes
        await tab.press_for_page("Enter")
        post = await queued(talk)
        assert await tab.ask("document.querySelector('.reference').textContent") == post["external_id"]

        await tab_on_page_to(tab, "查看处理进展和我们的回复")
        await tab.press_for_page("Enter")
        assert "我们已收到。" in await tab.ask("document.body.innerText")

        await answered(talk, tab, post, await tab.ask("location.href"), tmp_path)


async def test_a_screenshot_sent_by_the_widget_is_seen_answered_and_the_answer_seen(talk: Files, tmp_path: Path):
    async with shop(talk.api) as page, browsing(tmp_path) as tab:
        await tab.narrow(320, 640)
        await loaded(tab, page)
        screenshot = tmp_path / "付款页面.png"
        drawn = await tab.picture(screenshot)
        await tab_to(tab, "反馈")
        await tab.press("Enter")
        await tab.type(SAID)
        await tab.choose(f"{ROOT}.getElementById('files')", screenshot)  # what the system's own dialog does
        await tab_to(tab, "发送")
        await tab.press("Enter")
        await tab.until(SHOWN)
        post = await queued(talk)
        [file] = (await talk.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
        got = await talk.client.get(f"/v1/feedback/{post['id']}/{file['link']}")
        assert (file["name"], got.content) == ("付款页面.png", drawn)

        await answered(talk, tab, post, page.host, tmp_path)
