"""The inbox on somebody's page, in a real browser, under a policy that allows no more than the host of OpsLoop."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager, contextmanager

import pytest

from opsloop_common.runner.server import listen, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")

HTML = """<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>shop</title>
<script src="{host}/v1/inbox.js" defer></script><script src="/page.js" defer></script>
<ops-inbox base="{host}" user="u1" token="{token}"></ops-inbox></html>"""
PAGE = """
const inbox = document.querySelector("ops-inbox"), root = inbox.shadowRoot, refused = []
document.addEventListener("securitypolicyviolation", (event) => refused.push(event.violatedDirective))
inbox.addEventListener("tokenneeded", () => report({step: "token"}))
const report = (said) => fetch("/report", {method: "POST", body: JSON.stringify({...said, refused})})
const until = async (check) => { while (!check()) await new Promise((go) => setTimeout(go, 20)) }
const fits = () => {
  const { left, right } = root.querySelector(".panel").getBoundingClientRect()
  return left >= 0 && right <= document.documentElement.clientWidth
}
const shown = () => ({
  label: root.querySelector(".bell").getAttribute("aria-label"),
  count: root.querySelector(".count").textContent,
  titles: [...root.querySelectorAll("h3")].map((each) => each.textContent),
  links: [...root.querySelectorAll("h3 a")].map((each) => each.getAttribute("href")),
  words: [...root.querySelectorAll("button")].filter((each) => !each.hidden).map((each) => each.textContent),
})
const find = (words) => [...root.querySelectorAll("button")].find((each) => !each.hidden && each.textContent === words)
const press = async (words) => { await until(() => find(words)); find(words).click() }
const go = async () => {
  const zh = document.documentElement.lang.startsWith("zh")
  await until(() => root.querySelectorAll("li").length === 2)
  await report({step: "loaded", ...shown()})
  await until(() => root.querySelectorAll("li").length === 3)
  root.querySelector(".bell").click()
  await until(() => root.querySelector(".count").hidden)
  await report({step: "seen", ...shown(), fits: fits()})
  await press(zh ? "全部标为已读" : "Mark all as read")
  await until(() => root.querySelectorAll("li.unread").length === 0)
  await press(zh ? "归档" : "Archive")
  await until(() => root.querySelectorAll("li").length === 2)
  // until then what is undone is the mark before
  await until(() => root.querySelector("[role=status]").textContent.includes("1 "))
  await report({step: "archived", ...shown()})
  await press(zh ? "撤销" : "Undo")
  await until(() => root.querySelectorAll("li").length === 3)
  await until(() => !root.querySelector("[role=status]").textContent)
  await report({step: "undone", ...shown(), live: root.querySelector("[role=status]").textContent})
}
go()
"""


class Shop:
    """A page of another origin, and what it reports."""

    def __init__(self, html, host):
        policy = f"default-src 'none'; script-src 'self' {host}; connect-src 'self' {host}; require-trusted-types-for 'script'"
        self.reports, self.came = {}, asyncio.Event()
        self._files = {
            "/": ("text/html; charset=utf-8", html, policy),
            "/page.js": ("text/javascript", PAGE, policy),
        }

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, path, _ = head.split(" ", 2)
            if method == "POST":
                size = next(
                    int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length")
                )
                said = json.loads(await reader.readexactly(size))
                self.reports[said["step"]] = said
                self.came.set()
            kind, body, policy = self._files.get(path, ("text/plain", "", ""))
            head = {"Content-Type": kind, "Content-Security-Policy": policy, "Content-Length": len(body.encode())}
            lines = [f"{name}: {value}" for name, value in head.items()]
            answer = "\r\n".join(["HTTP/1.1 200 OK", *lines, "Connection: close", "", body])
            writer.write(answer.encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def said(self, step):
        async with asyncio.timeout(60):
            while step not in self.reports:
                self.came.clear()
                await self.came.wait()
        return self.reports[step]


@contextmanager
def browsing(url, folder):
    """Open a page in a browser, which ends with the block."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    command = [str(CHROMIUM), *flags, "--disable-background-networking", f"--user-data-dir={folder / 'profile'}", url]
    with (folder / "chromium.log").open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(browser.pid, signal.SIGKILL)  # and the processes that it started
        browser.wait(30)


@asynccontextmanager
async def shop(service, lang, token):
    """Serve OpsLoop and a page that shows an inbox, each on a port of its own."""
    listener = listen("127.0.0.1", 0)
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(service.app, listener):
        made = Shop(HTML.format(lang=lang, host=host, token=token), host)
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            yield made
        finally:
            service.db.wakeups.stop()
            server.close()


async def tell(service, *titles):
    for title in titles:
        contents = [{"locale": "en", "inbox": {"title": title, "body": "<b>Words</b>", "url": "/orders/1"}}]
        body = {"user_ids": ["u1"], "channels": ["inbox"], "contents": contents}
        answer = await service.client.post("/v1/messages", json=body, headers=await service.key())
        assert answer.status_code == 201, answer.text


@needs_browser
@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("en", ("Inbox, 2 unread", ["Mark as read", "Tomorrow", "Archive"], "Inbox", "Undo")),
        ("zh-CN", ("收件箱，2 条未读", ["标为已读", "明天提醒", "归档"], "收件箱", "撤销")),
    ],
)
async def test_an_inbox_lives_on_a_page(service, tmp_path, lang, words):
    unread, acts, label, undo = words
    token = (await service.user("u1"))["Authorization"].removeprefix("Bearer ")
    await tell(service, "one", "<i>two</i>")

    async with shop(service, lang, token) as page:
        with browsing(page.url, tmp_path):
            loaded = await page.said("loaded")
            await tell(service, "three")
            seen, archived, undone = [await page.said(step) for step in ("seen", "archived", "undone")]

    assert (loaded["label"], loaded["count"], loaded["titles"]) == (unread, "2", ["<i>two</i>", "one"])
    assert loaded["links"] == ["/orders/1", "/orders/1"]
    assert [loaded["words"].count(each) for each in acts] == [2, 2, 2]
    assert (seen["count"], seen["titles"], seen["fits"]) == ("", ["three", "<i>two</i>", "one"], True)
    assert (archived["titles"], undo in archived["words"], archived["label"]) == (["<i>two</i>", "one"], True, label)
    assert (undone["titles"], undone["live"]) == (["three", "<i>two</i>", "one"], "")
    assert [report["refused"] for report in (loaded, seen, archived, undone)] == [[]] * 4


@needs_browser
async def test_a_page_is_told_that_its_token_is_refused(service, tmp_path):
    await tell(service, "one")

    async with shop(service, "en", "not.a.token") as page:
        with browsing(page.url, tmp_path):
            assert (await page.said("token"))["step"] == "token"
