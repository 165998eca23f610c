"""A chat in a real browser: a Chinese complaint, sent by keyboard alone, seen in the queue, answered, and the answer seen."""

from contextlib import asynccontextmanager

import pytest

from services.feedback.tests.browsers import browsing, needs_browser
from services.feedback.tests.shops import shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(100), needs_browser]
SAID = "支付失败，而且重复扣款两次！"
ROOT = "document.querySelector('ops-chat').shadowRoot"
FOCUSED = f"({ROOT}.activeElement || document.activeElement).id || ({ROOT}.activeElement || document.activeElement).textContent"
STATE = f"{ROOT}.querySelector('[role=status]').textContent"
LOG = f"[...{ROOT}.querySelectorAll('.said')].map((one) => [one.classList.contains('mine'), one.lastChild.textContent])"
FITS = f"""(() => {{ const {{ left, right, top, bottom }} = {ROOT}.querySelector('dialog').getBoundingClientRect();
  return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight
    && document.documentElement.scrollWidth <= innerWidth }})()"""


@asynccontextmanager
async def page_of(desk, folder, lang="zh-CN", **options):
    """Open a page with a chat."""
    async with shop(desk.api, **options) as page, browsing(folder) as tab:
        page.script, page.lang = "chat.js", lang
        await tab.narrow(320, 640)
        await tab.go(page.url)
        await tab.until("document.querySelector('ops-chat')")
        yield tab, page


async def tab_to(tab, wanted):
    for _ in range(12):
        await tab.press("Tab")
        if (found := await tab.ask(FOCUSED)) == wanted:
            return
    raise AssertionError(f"{wanted} is not reached by Tab, but {found}")


async def queue(desk):
    return (await desk.get("/v1/feedback"))["items"]


async def reply(desk, item, body):
    answer = await desk.client.post(
        f"/v1/feedback/{item}/messages", json={"kind": "reply", "body": body}, headers=desk.agent
    )
    assert answer.status_code == 201, answer.text


async def test_a_complaint_is_sent_answered_and_the_answer_seen_by_keyboard_alone(desk, tmp_path):
    async with page_of(desk, tmp_path) as (tab, page):
        await tab_to(tab, "在线客服")
        await tab.press("Enter")
        assert await tab.ask(FOCUSED) == "body"
        assert await tab.ask(FITS) is True
        await tab.type(SAID)
        await tab.press("Enter")
        assert await tab.until(f"{STATE} === '马上轮到您。' && {LOG}") == [[True, SAID]]
        [item] = await queue(desk)
        assert (item["body"], item["channel"], item["severity"]) == (SAID, "widget", "s1")

        await desk.client.post(f"/v1/feedback/{item['id']}/typing", headers=desk.agent)
        await tab.until(f"{STATE} === '对方正在输入…'")
        await reply(desk, item["id"], "已为您退款，请查收。")
        assert await tab.until(f"{LOG}.length === 2 && {LOG}") == [[True, SAID], [False, "已为您退款，请查收。"]]
        desk.api.clock.advance(7)
        assert await tab.ask(FITS) is True
        await tab.picture(tmp_path / "chat-320.png")
        await tab.type("收到了，谢谢")
        await tab.press("Enter")
        await tab.until(f"{LOG}.length === 3")

        await tab.go(page.url)  # another page of the shop: the chat goes on
        await tab.until("document.querySelector('ops-chat')")
        await tab.ask("OpsLoopChat.open()")
        assert [mine for mine, _ in await tab.until(f"{LOG}.length === 3 && {LOG}")] == [True, False, True]
        await tab.press("Escape")
        assert await tab.ask(f"{ROOT}.querySelector('dialog').open") is False
        assert await tab.ask(FOCUSED) == "在线客服"
    listed = (await desk.get(f"/v1/feedback/{item['id']}/messages"))["items"]
    assert [(one["said_by"], one["body"]) for one in listed] == [
        ("author", "收到了，谢谢"),
        ("staff", "已为您退款，请查收。"),
    ]


async def test_who_finds_nobody_leaves_an_address(desk, clockwork, tmp_path):
    calendar = await clockwork.calendar()
    team = await clockwork.make("/v1/teams", {"name": "客服", "calendar_id": calendar, "members": [{"user_id": "u1"}]})
    clockwork.at("2026-11-20T19:00")
    async with page_of(desk, tmp_path, team=team["id"]) as (tab, _):
        await tab.ask("OpsLoopChat.open()")
        await tab.type(SAID)
        await tab.press("Enter")
        assert (await tab.until(f"{STATE}.startsWith('现在无人在线。') && {STATE}")).startswith(
            "现在无人在线。我们将于星期一"
        )
        await tab.picture(tmp_path / "chat-closed.png")
        await tab.press("Shift+Tab", "Shift+Tab")
        assert await tab.ask(FOCUSED) == "email"
        await tab.type("li@example.com")
        await tab.press("Enter")
        await tab.until(f"{STATE}.endsWith('我们也会用邮件回复您。')")

    [item] = await queue(desk)
    assert item["author"]["email"] == "li@example.com"


async def test_a_chat_ends_and_another_begins(desk, tmp_path):
    async with page_of(desk, tmp_path, lang="en", accent="#ffd400") as (tab, _):
        await tab.narrow(1280, 700, dark=True, still=True)
        await tab.ask("OpsLoopChat.open()")
        await tab.type("Nothing works")
        await tab.press("Enter")
        await tab.until(f"{STATE} === 'You are next.'")
        await tab.picture(tmp_path / "chat-1280-night.png")
        await tab_to(tab, "End chat")
        await tab.press("Enter")
        await tab.until(f"{STATE} === 'This chat has ended.'")
        await tab.until(f"{FOCUSED} === 'Begin another chat'")
        await tab.press("Enter")
        await tab.type("One more thing")
        await tab.press("Enter")
        await tab.until(f"{LOG}.length === 1")
        assert await tab.ask(f"getComputedStyle({ROOT}.querySelector('dialog')).animationName") == "none"

    assert [item["body"] for item in await queue(desk)] == ["One more thing", "Nothing works"]
    assert [one["ended_at"] is None for one in (await desk.get("/v1/chats"))["items"]] == [True, False]


async def test_words_stay_where_they_cannot_be_sent_and_are_sent_once_when_they_can(desk, tmp_path):
    async with page_of(desk, tmp_path, lang="en") as (tab, _):
        await tab.ask("OpsLoopChat.open()")
        await tab.press("Enter")
        assert await tab.ask(f"{ROOT}.querySelector('[role=alert]').textContent") == "Please write something."
        await tab.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        await tab.type(SAID)
        await tab.press("Enter")
        await tab.until(f"{ROOT}.querySelector('[role=alert]').textContent.startsWith('Not sent.')")
        assert await tab.ask(f"{ROOT}.getElementById('body').value") == SAID
        await tab.call(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        await tab.press("Enter")
        await tab.until(f"{LOG}.length === 1")

    assert len(await queue(desk)) == 1
