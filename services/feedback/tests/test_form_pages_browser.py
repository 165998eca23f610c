"""The page of a form in a real browser: by keyboard alone, on a narrow screen, by day and night, without any script."""

from contextlib import asynccontextmanager

import pytest

from services.feedback.tests.browsers import OVERFLOW, browsing_beside, contrast, needs_browser
from services.feedback.tests.test_forms import FORM

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), needs_browser]
SAID = "支付失败，而且重复扣款两次，请尽快处理。"
FOCUSED = "document.activeElement.id || document.activeElement.textContent || document.activeElement.className"
TALLEST = "Math.min(...[...document.querySelectorAll('button, input:not([type=hidden]):not(#website), select, textarea')]" \
    ".map((each) => (each.closest('label') || each).getBoundingClientRect().height))"  # fmt: skip

COLOURS = """(() => {
  const style = (name) => getComputedStyle(document.querySelector(name))
  const page = style("body").backgroundColor, button = style("main button")
  return {
    body: [style("body").color, page],
    soft: [style(".soft").color, page],
    button: [button.color, button.backgroundColor],
    edge: [style("textarea").borderTopColor, page],
  }
})()"""


@asynccontextmanager
async def page_of(desk, folder, **fields):
    """Serve OpsLoop with a form, and open a browser beside it."""
    made = await desk.client.post("/v1/forms", json=FORM | fields, headers=desk.agent)
    assert made.status_code == 201, made.text
    async with browsing_beside(desk.api, folder, "/p/acme/forms/contact") as tab:
        await tab.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN"})
        yield tab


async def posts(desk):
    return (await desk.get("/v1/feedback"))["items"]


async def tab_to(tab, wanted):
    """Press Tab until something has the focus; returns what had it on the way."""
    passed = []
    for _ in range(40):
        await tab.press("Tab")
        passed.append(await tab.ask(FOCUSED))
        if passed[-1] == wanted:
            return passed
    raise AssertionError(f"{wanted} is not reached by Tab: {passed}")


async def test_a_complaint_is_sent_by_keyboard_alone_on_a_narrow_screen(desk, tmp_path):
    async with page_of(desk, tmp_path) as tab:
        await tab.narrow(320)
        await tab.go(tab.url)
        assert await tab.ask("document.documentElement.lang") == "zh-CN"
        assert await tab.ask(OVERFLOW) == 0
        assert await tab.ask(TALLEST) >= 44
        await tab.picture(tmp_path / "form-320.png")

        assert await tab_to(tab, "body") == ["跳到表单", "English", "body"]  # and never the field that nobody sees
        await tab.type(SAID)
        await tab_to(tab, "rating")
        await tab.press("ArrowRight", "ArrowRight")
        await tab_to(tab, "email")
        await tab.type("li@")
        await tab_to(tab, "own.contact_me")
        await tab.press(" ")
        await tab_to(tab, "发送")
        desk.api.clock.advance(30)
        await tab.press_for_page("Enter")

        assert await tab.ask(FOCUSED) == "notice"
        assert await tab.ask(OVERFLOW) == 0
        assert (
            await tab.ask("document.querySelector('[role=alert]').textContent")
            == "尚未发送，您填写的内容都还在。您的电子邮箱"
        )
        assert await tab.ask("document.getElementById('body').value") == SAID
        assert await tab.ask("document.querySelector('[name=rating]:checked').value") == "3"
        assert await tab.ask("document.getElementById('own.contact_me').checked") is True
        assert (await tab.ask("document.title")).startswith("未发送")
        await tab.picture(tmp_path / "form-320-mend.png")
        assert await posts(desk) == []

        assert await tab_to(tab, "您的电子邮箱") == ["您的电子邮箱"]
        await tab.press("Enter")  # the notice leads to the field
        assert await tab.ask(FOCUSED) == "email"
        await tab.press("End")
        await tab.type("example.com")
        await tab.press_for_page("Enter")
        shown = await tab.ask("document.querySelector('.reference').textContent")
        await tab.picture(tmp_path / "form-320-sent.png")

    [post] = await posts(desk)
    assert (post["external_id"], post["body"], post["rating"]) == (shown, SAID, 3)
    assert (post["author"]["email"], post["locale"], post["severity"]) == ("li@example.com", "zh-CN", "s1")


async def test_the_switch_of_languages_takes_along_what_was_typed(desk, tmp_path):
    async with page_of(desk, tmp_path) as tab:
        await tab.narrow(1280, dark=True)
        await tab.go(tab.url)
        await tab_to(tab, "body")
        await tab.type(SAID)
        await tab.press("Shift+Tab")
        await tab.press_for_page("Enter")

        assert await tab.ask("document.documentElement.lang") == "en"
        assert await tab.ask("document.getElementById('body').value") == SAID
        assert await tab.ask("document.querySelector('[role=alert]')") is None
        assert await tab.ask(OVERFLOW) == 0
        await tab.picture(tmp_path / "form-1280-night.png")
    assert await posts(desk) == []


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
async def test_words_and_edges_can_be_seen_by_day_and_night(desk, tmp_path, width, dark):
    async with page_of(desk, tmp_path, accent="#ffd400") as tab:
        await tab.narrow(width, dark=dark)
        await tab.go(tab.url)
        seen = await tab.ask(COLOURS)
        await tab.picture(tmp_path / f"form-{width}-{'night' if dark else 'day'}.png")

        assert await tab.ask(OVERFLOW) == 0
    for name, (one, other) in seen.items():
        assert contrast(one, other) >= (3 if name == "edge" else 4.5), (name, one, other)


async def test_nothing_is_loaded_but_the_page(desk, tmp_path):
    async with page_of(desk, tmp_path) as tab:
        await tab.go(tab.url)

        sent = [
            event["params"]["request"]["url"] for event in tab.events if event["method"] == "Network.requestWillBeSent"
        ]
        said = [event for event in tab.events if event["method"] == "Log.entryAdded"]
    assert [url for url in sent if not url.endswith("/favicon.ico")] == [tab.url]
    assert said == []


async def test_a_text_that_looks_like_markup_is_a_text(desk, tmp_path):
    bad = "</textarea><script>document.title='x'</script><b>&amp;"
    async with page_of(desk, tmp_path, texts=[{"locale": "en", "title": bad, "intro": bad, "asks": bad}]) as tab:
        await tab.go(tab.url)
        await tab_to(tab, "body")
        await tab.type(bad)
        desk.api.clock.advance(30)
        await tab_to(tab, "Send")
        await tab.press_for_page("Enter")  # without a rating it comes back

        assert await tab.ask("document.querySelector('h1').textContent") == bad
        assert await tab.ask("document.getElementById('body').value") == bad
        assert await tab.ask("document.querySelectorAll('script, b').length") == 0
