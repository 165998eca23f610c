"""The widget's script: small, of one file, in two languages, and to be loaded by any page."""

import gzip
import re

import pytest

from opsloop_feedback.widget.page import script

SCRIPTS = ["widget.js", "chat.js"]


@pytest.mark.parametrize("name", SCRIPTS)
async def test_a_script_is_asked_about_without_its_text(desk, name):
    shown, asked = await desk.client.get(f"/{name}"), await desk.client.head(f"/{name}")

    assert (asked.status_code, asked.content) == (200, b"")
    assert asked.headers["content-type"] == shown.headers["content-type"]
    assert asked.headers["cache-control"] == shown.headers["cache-control"]


@pytest.mark.parametrize("name", SCRIPTS)
async def test_any_page_may_load_the_script(desk, name):
    answer = await desk.client.get(f"/{name}", headers={"Origin": "https://shop.example"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.text == script(name)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_is_small_and_asks_nobody_but_its_own_host(name):
    text = script(name)

    assert len(text.encode()) < 15 * 1024
    assert len(gzip.compress(text.encode())) < 10 * 1024
    assert re.findall(r"https?://[^\s\"'`]+", text) == [
        f"https://ops.example/api/feedback/{name}"
    ]  # in its first comment
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|import\(|localStorage", text
    )
    assert text.count("fetch(") == text.count("fetch(`${base}")


@pytest.mark.parametrize("name", SCRIPTS)
def test_everything_is_said_in_both_languages(name):
    words = script(name).partition("const WORDS")[2].partition("};")[0]
    english, chinese = words.split("zh: {")
    names = [set(re.findall(r"\b([a-z]\w*): (?=[\"(\[])", part)) - {"en"} for part in (english, chinese)]

    assert names[0] == names[1]
    assert english.isascii() or not re.search(r"[\u4e00-\u9fff]", english)
