"""The page of the question: in both languages, readable by day and night, in a real browser by keyboard alone."""

import re
from contextlib import asynccontextmanager
from html import escape, unescape

import pytest

from opsloop_feedback.csat.rules import COMMENT_CHARACTERS
from opsloop_feedback.csat_pages import layout
from opsloop_feedback.csat_pages.layout import Look
from opsloop_feedback.csat_pages.words import SCORES, WORDS
from services.feedback.tests.browsers import OVERFLOW, browsing_beside, contrast, needs_browser

LOOK = Look(number=7, title="支付失败 <b>", token="A" * 44, language=1)
FOCUSED = "document.activeElement.id || document.activeElement.textContent"
TALLEST = "Math.min(...[...document.querySelectorAll('button, input:not([type=hidden]), textarea, header a')]" \
    ".map((each) => (each.closest('label') || each).getBoundingClientRect().height))"  # fmt: skip
COLOURS = """(() => {
  const style = (name) => getComputedStyle(document.querySelector(name))
  const page = style("body").backgroundColor, button = style("main button")
  return {
    body: [style("body").color, page],
    soft: [style(".soft").color, style(".about").backgroundColor],
    button: [button.color, button.backgroundColor],
    edge: [style("textarea").borderTopColor, page],
    tick: [style(".tick").borderTopColor, page],
  }
})()"""


@pytest.mark.parametrize(
    ("wanted", "is_chinese", "language"),
    [(None, True, 1), (None, False, 0), ("en", True, 0), ("zh", False, 1), ("xx", True, 1)],
)
def test_who_turned_to_a_language_reads_it(wanted, is_chinese, language):
    assert layout.language_of(wanted, is_chinese=is_chinese) == language


@pytest.mark.parametrize("language", [0, 1])
def test_the_page_asks_in_one_language_and_links_the_other(language):
    look = Look(LOOK.number, LOOK.title, LOOK.token, language)

    page = layout.question_page(look, score=4, comment="<i>", flaw=None)

    assert all(pair[language] in page for pair in SCORES)
    assert not any(pair[1 - language] in page for pair in SCORES)
    assert "支付失败 &lt;b&gt;" in page
    assert "&lt;i&gt;" in page
    assert page.count(" checked") == 1
    assert 'value="4" checked' in page
    assert ("中文", "English")[language] in page
    assert 'role="alert"' not in page


def test_what_is_to_be_mended_is_said_before_all_else():
    page = layout.question_page(LOOK, score=None, comment="", flaw="score")

    assert page.index('role="alert"') < page.index("<form")
    assert WORDS["score"][1] in page
    assert WORDS["error"][1] in page[: page.index("</title>")]
    assert " checked" not in page


def test_thanks_say_what_was_answered_and_whether_it_may_be_changed():
    fresh, final = (layout.thanks_page(LOOK, score=5, is_final=is_final) for is_final in (False, True))

    assert WORDS["again"][1] in fresh
    assert WORDS["again"][1] not in final
    assert "非常满意" in fresh
    assert "<form" not in fresh + final
    assert "sandbox allow-forms" in layout.POLICY
    assert "script" not in layout.POLICY
    assert layout.COMMENT_CHARACTERS == COMMENT_CHARACTERS


@asynccontextmanager
async def page_of(asking, folder):
    """Serve OpsLoop with a question that was asked, and open a browser beside it."""
    _, link = await asking.asked_link(title="支付失败，而且重复扣款两次", locale="zh-CN")
    async with browsing_beside(asking.desk.api, folder, link) as tab:
        yield tab


@pytest.mark.slow
@pytest.mark.timeout(120)
@needs_browser
async def test_it_is_answered_by_keyboard_alone_on_a_narrow_screen(asking, tmp_path):
    async with page_of(asking, tmp_path) as tab:
        await tab.narrow(320)
        await tab.go(tab.url)
        assert await tab.ask("document.documentElement.lang") == "zh-CN"
        assert await tab.ask(OVERFLOW) == 0
        assert await tab.ask(TALLEST) >= 44
        await tab.picture(tmp_path / "rating-320.png")

        await tab.press("Tab", "Tab", "Tab", "Tab")  # the other language, the scores, the comment, the button
        assert await tab.ask(FOCUSED) == "提交"
        await tab.press_for_page("Enter")
        assert await tab.ask(FOCUSED) == "notice"
        assert await asking.said() == []
        await tab.picture(tmp_path / "rating-320-mend.png")

        await tab.press("Tab", " ")
        await tab.press("ArrowDown")
        assert await tab.ask("document.querySelector('[name=score]:checked').value") == "4"
        await tab.press("Tab")
        await tab.type("处理得很快")
        await tab.press("Tab")
        await tab.press_for_page("Enter")
        assert await tab.ask(FOCUSED) == "notice"
        assert await tab.ask(OVERFLOW) == 0
        await tab.picture(tmp_path / "rating-320-thanks.png")

    [one] = await asking.said()
    assert (one["score"], one["comment"]) == (4, "处理得很快")


@pytest.mark.slow
@pytest.mark.timeout(120)
@needs_browser
async def test_it_is_readable_by_day_and_night_and_turns_its_language(asking, tmp_path):
    async with page_of(asking, tmp_path) as tab:
        for dark in (False, True):
            await tab.narrow(1280, dark=dark)
            await tab.go(tab.url)
            seen = await tab.ask(COLOURS)
            least = {name: contrast(*pair) for name, pair in seen.items()}
            assert min(least["body"], least["soft"], least["button"]) >= 4.5, least
            assert min(least["edge"], least["tick"]) >= 3, least
            await tab.picture(tmp_path / f"rating-1280-{'night' if dark else 'day'}.png")
        await tab.press("Tab")
        await tab.press_for_page("Enter")
        assert await tab.ask("document.documentElement.lang") == "en"
        await tab.picture(tmp_path / "rating-1280-english.png")


ODD = ("", "&", '"><b>', "'", "\u202e", "x" * 2_000, "两行\n话", "</textarea>", "{0} %s")


@pytest.mark.parametrize("typed", ODD)
@pytest.mark.parametrize("language", [0, 1])
def test_whatever_was_typed_comes_back_as_text_and_nothing_else(typed, language):
    look = Look(number=1, title=typed, token="A" * 44, language=language)

    page = layout.question_page(look, score=2, comment=typed, flaw="long")

    shown = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert unescape(shown[1]) == typed
    assert page.count("<textarea") == page.count("</textarea>") == 1
    assert page.count("<form") == page.count("</form>") == page.count("<button>") == 1
    assert f"<br>{escape(typed)}</p>" in page


@pytest.mark.parametrize("name", [*WORDS])
def test_each_text_stands_in_both_languages(name):
    english, chinese = WORDS[name]

    assert english.isascii()
    assert any("一" <= each <= "鿿" for each in chinese)


def test_the_five_answers_go_from_worst_to_best_and_best_is_shown_first():
    page = layout.question_page(Look(1, "t", "A" * 44, 0), score=None, comment="")

    assert re.findall(r'value="(\d)"', page) == ["5", "4", "3", "2", "1"]
    assert SCORES[0][0] == "Very dissatisfied"
    assert SCORES[4][0] == "Very satisfied"
    for score in range(1, 6):
        chosen = layout.question_page(Look(1, "t", "A" * 44, 0), score=score, comment="")
        assert re.findall(r'value="(\d)" checked', chosen) == [str(score)]


async def test_a_language_that_was_turned_to_stays(asking):
    _, link = await asking.asked_link(locale="zh-CN")

    english = (await asking.open(f"{link}&lang=en")).text
    sent = await asking.send(f"{link}&lang=en", "5")

    assert WORDS["question"][0] in english
    assert "&amp;lang=en#notice" in english
    assert WORDS["thanks"][0] in sent
    assert WORDS["question"][1] in (await asking.open(link)).text
    assert (await asking.desk.client.get(f"{link}&lang=english")).status_code == 422


async def test_the_page_is_kept_by_nobody_and_shown_in_no_frame(asking):
    _, link = await asking.asked_link()

    for answer in (
        await asking.open(link),
        await asking.desk.client.post(link, data={"score": "5"}),
        await asking.desk.client.post(link, data={"score": "9"}),
    ):
        policy = answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in policy
        assert "sandbox allow-forms" in policy
        assert "script-src" not in policy
        assert '<meta name="robots" content="noindex">' in answer.text
        assert not answer.cookies
        assert "<script" not in answer.text


async def test_what_was_answered_stands_there_when_the_link_is_opened_again(asking):
    _, link = await asking.asked_link()
    await asking.send(link, "3", "两行\n话")

    page = (await asking.open(link)).text

    assert 'value="3" checked' in page
    assert "两行\n话</textarea>" in page


async def test_who_only_looks_has_said_nothing_and_sees_the_same(asking):
    _, link = await asking.asked_link(locale="zh-CN")

    shown = [await asking.open(link) for _ in range(3)]

    assert {page.status_code for page in shown} == {200}
    assert len({page.text for page in shown}) == 1
    assert await asking.said() == []
