"""The widget in a real browser, on a page of another origin: by keyboard alone, narrow, by day and night, in both languages."""

import asyncio

import pytest

from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.browsers import browsing, needs_browser
from services.feedback.tests.conftest import Desk
from services.feedback.tests.shops import key_of, shop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), needs_browser]
SAID = "支付失败，而且重复扣款两次！"
ROOT = "document.querySelector('ops-feedback').shadowRoot"
FOCUSED = f"({ROOT}.activeElement || document.activeElement).id || ({ROOT}.activeElement || document.activeElement).textContent"
IS_OPEN = f"{ROOT}.querySelector('dialog').open"
SHOWN = f"{ROOT}.querySelector('[role=status]').textContent"
FITS = f"""(() => {{ const {{ left, right, top, bottom }} = {ROOT}.querySelector('dialog').getBoundingClientRect();
  return left >= 0 && right <= innerWidth && top >= 0 && bottom <= innerHeight
    && document.documentElement.scrollWidth <= innerWidth && {ROOT}.querySelector('dialog').scrollWidth <= right - left }})()"""


async def posts(desk):
    return (await desk.get("/v1/feedback"))["items"]


async def loaded(tab, page):
    await tab.go(page.url)
    await tab.until("document.querySelector('ops-feedback')")


async def tab_to(tab, wanted):
    for _ in range(20):
        await tab.press("Tab")
        if (found := await tab.ask(FOCUSED)) == wanted:
            return
    raise AssertionError(f"{wanted} is not reached by Tab, but {found}")


async def test_a_complaint_is_sent_by_keyboard_alone_on_a_narrow_screen(desk, tmp_path):
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        await tab.narrow(320, 640)
        await loaded(tab, page)
        await tab_to(tab, "反馈")
        await tab.press("Enter")
        assert await tab.ask(FOCUSED) == "body"
        assert await tab.ask(FITS) is True
        await tab.picture(tmp_path / "widget-320.png")

        await tab_to(tab, "发送")
        await tab.press("Enter")
        assert await tab.ask(FOCUSED) == "body"
        assert await tab.ask(f"{ROOT}.getElementById('body-flaw').textContent") == "请填写内容。"
        await tab.type(SAID)
        await tab.press("Tab", " ", "ArrowRight")
        await tab_to(tab, "email")
        await tab.type("li@example.com")
        await tab_to(tab, "发送")
        await tab.press("Enter")
        shown = await tab.until(SHOWN)
        assert await tab.ask(f"{ROOT}.activeElement.getAttribute('role')") == "status"
        assert await tab.ask(FITS) is True
        await tab.picture(tmp_path / "widget-320-sent.png")

    [post] = await posts(desk)
    assert shown == f"谢谢，您的反馈已收到。 您的编号是 #{post['number']}"
    assert (post["body"], post["channel"], post["rating"], post["locale"]) == (SAID, "widget", 2, "zh-CN")
    assert (post["author"]["email"], post["author"]["verified"]) == ("li@example.com", False)
    assert post["attributes"] == {"page": page.url, "title": "飞鸽商城"}
    assert (post["kind"], post["severity"]) == ("bug", "s1")


@pytest.fixture
async def filing(api, tmp_path):
    """Return a desk that has a place for files."""
    door = await api(SERVICE, settings=settings_for_tests(FeedbackSettings, attachments_path=tmp_path / "files"))
    return Desk(door, await door.key("feedback:read", "feedback:write"))


async def test_a_complaint_with_a_screenshot_stands_in_the_queue_with_it(filing, tmp_path):
    desk = filing
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        await tab.narrow(360, 700)
        await loaded(tab, page)
        screenshot = tmp_path / "付款页面.png"
        seen = await tab.picture(screenshot)
        await tab.ask("OpsLoopFeedback.open()")
        await tab.type(SAID)
        await tab.choose(f"{ROOT}.getElementById('files')", screenshot)
        await tab.picture(tmp_path / "widget-360-file.png")
        await tab_to(tab, "发送")
        await tab.press("Enter")
        await tab.until(SHOWN)

    [post] = await posts(desk)
    [file] = (await desk.get(f"/v1/feedback/{post['id']}/attachments"))["items"]
    assert (file["name"], file["media_type"], file["bytes"]) == ("付款页面.png", "image/png", len(seen))


async def test_a_file_that_is_not_taken_keeps_everything_else(filing, tmp_path):
    desk = filing
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        bad = tmp_path / "tool.exe"
        await asyncio.to_thread(bad.write_bytes, b"MZ" + bytes(2_000))
        await loaded(tab, page)
        await tab.ask("OpsLoopFeedback.open()")
        await tab.type(SAID)
        await tab.choose(f"{ROOT}.getElementById('files')", bad)
        await tab_to(tab, "发送")
        await tab.press("Enter")
        assert await tab.until(f"{ROOT}.getElementById('files-flaw').textContent") == "有文件未被接受，请另选文件。"
        assert await tab.ask(f"{ROOT}.getElementById('body').value") == SAID

    assert await posts(desk) == []


async def test_the_focus_stays_within_and_escape_gives_it_back(desk, tmp_path):
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        page.lang = "en"
        await loaded(tab, page)
        await tab_to(tab, "Feedback")
        await tab.press("Enter")
        await tab.type("half a thought")
        seen = set()
        for _ in range(24):
            await tab.press("Tab")
            seen.add(await tab.ask(FOCUSED))
        assert "link" not in seen
        assert "Feedback" not in seen
        assert {"body", "email", "Send", "✕"} <= seen
        await tab.press("Escape")
        assert await tab.ask(IS_OPEN) is False
        assert await tab.ask(FOCUSED) == "Feedback"

        await loaded(tab, page)  # another page of the shop
        await tab.ask("OpsLoopFeedback.open()")
        assert await tab.ask(f"{ROOT}.getElementById('body').value") == "half a thought"
        assert await posts(desk) == []


async def test_what_cannot_be_sent_is_kept_and_sent_once_when_it_can(desk, tmp_path):
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        page.lang = "en"
        await loaded(tab, page)
        await tab.ask("OpsLoopFeedback.open()")
        await tab.type(SAID)
        await tab.call(
            "Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0
        )
        await tab_to(tab, "Send")
        await tab.press("Enter")
        assert await tab.until(f"{ROOT}.querySelector('[role=alert]').textContent") == (
            "Not sent. Nothing that you wrote is lost; please try again."
        )
        await tab.picture(tmp_path / "widget-offline.png")
        await tab.call(
            "Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )
        await tab.press("Enter")
        await tab.until(SHOWN)

    assert [post["body"] for post in await posts(desk)] == [SAID]


async def test_a_page_that_the_key_does_not_list_sends_nothing(desk, tmp_path):
    async with shop(desk.api) as page, browsing(tmp_path) as tab:
        page.key = await key_of(desk.api, "https://other.example")
        await loaded(tab, page)
        await tab.ask("OpsLoopFeedback.open()")
        await tab.type(SAID)
        await tab_to(tab, "发送")
        await tab.press("Enter")
        assert "没有丢失" in await tab.until(f"{ROOT}.querySelector('[role=alert]').textContent")
        assert await tab.ask(f"{ROOT}.getElementById('body').value") == SAID

    assert await posts(desk) == []


async def test_a_token_of_the_shops_server_says_who_it_is(desk, tmp_path):
    token = (await desk.api.user("u1"))["Authorization"].removeprefix("Bearer ")
    async with shop(desk.api, user_token=token, rating="no") as page, browsing(tmp_path) as tab:
        await loaded(tab, page)
        await tab.ask("OpsLoopFeedback.open()")
        await tab.type(SAID)
        await tab.press("Tab", "Tab")
        assert await tab.ask(FOCUSED) == "发送"  # neither a scale nor an address is asked for
        await tab.press("Enter")
        await tab.until(SHOWN)

    [post] = await posts(desk)
    assert post["author"] == {"user_id": "u1", "email": None, "name": None, "verified": True}


@pytest.mark.parametrize(("width", "dark"), [(320, False), (320, True), (1280, False), (1280, True)])
async def test_it_fits_and_can_be_read_by_day_and_night(desk, tmp_path, width, dark):
    async with shop(desk.api, accent="#ffd400") as page, browsing(tmp_path) as tab:
        page.lang = "en"
        await tab.narrow(width, 640, dark=dark, still=True)
        await loaded(tab, page)
        await tab.ask("OpsLoopFeedback.open()")
        colours = await tab.ask(
            f"[getComputedStyle({ROOT}.querySelector('.main')).color, getComputedStyle({ROOT}.querySelector('.main')).backgroundColor]"
        )
        moves = await tab.ask(f"getComputedStyle({ROOT}.querySelector('dialog')).animationName")
        fits = await tab.ask(FITS)
        await tab.picture(tmp_path / f"widget-{width}-{'night' if dark else 'day'}.png")

    assert colours == ["rgb(27, 27, 31)", "rgb(255, 212, 0)"]
    assert moves == "none"
    assert fits is True
