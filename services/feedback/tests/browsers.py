"""A real browser, driven by its own protocol over a pipe: keys that are pressed, pages as they are seen."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opsloop_common.runner.server import listen, serving
from opsloop_common.testing.http import Api

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
_FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
_QUIET = ["--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"]
_KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
}
_KEYS |= {"ArrowDown": 40}
_TEXTS = {"Enter": "\r", " ": " "}
PATIENCE_SECONDS = 30
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
"""By how much a page is wider than its window."""


class Browser:
    """The browser's end of the pipe."""

    def __init__(self, reader: asyncio.StreamReader, writer: Any) -> None:
        self._reader, self._writer = reader, writer
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []
        self.came = asyncio.Event()

    async def listen(self) -> None:
        """Read what the browser says until it ends."""
        while True:
            said = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self.events.append(said)
            self.came.set()

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Have the browser do something."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        said = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._writer, json.dumps(said).encode() + b"\0")
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await answer
        assert "error" not in found, (method, found)
        result: dict[str, Any] = found["result"]
        return result


class Tab:
    """A page that somebody looks at."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return what the browser told of by itself."""
        return self._browser.events

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Have the page do something."""
        return await self._browser.call(method, self._session, **params)

    async def narrow(self, width: int, height: int = 700, *, dark: bool = False, still: bool = False) -> None:
        """Look at it through a window of this width, by day or night; `still`: by eyes that moving things hurt."""
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def go(self, url: str) -> None:
        """Open an address."""
        before = self._loaded()
        await self.call("Page.navigate", url=url)
        await self.wait_for_load(before)

    def _loaded(self) -> int:
        return sum(event["method"] == "Page.loadEventFired" for event in self._browser.events)

    async def wait_for_load(self, before: int) -> None:
        """Wait until another page has come than the first so many."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._loaded() <= before:
                self._browser.came.clear()
                await self._browser.came.wait()

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other; `Shift+Tab` goes back."""
        for key in keys:
            shift, name = (8, key[6:]) if key.startswith("Shift+") else (0, key)
            said = {
                "key": name,
                "code": "Space" if name == " " else name,
                "windowsVirtualKeyCode": _KEYS[name],
                "modifiers": shift,
            }
            text = {"text": _TEXTS[name]} if name in _TEXTS else {}
            await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **said, **text)
            await self.call("Input.dispatchKeyEvent", type="keyUp", **said)

    async def press_for_page(self, key: str) -> None:
        """Press a key that leads to another page, and wait for it."""
        before = self._loaded()
        await self.press(key)
        await self.wait_for_load(before)

    async def type(self, text: str) -> None:
        """Write, as an input method does."""
        await self.call("Input.insertText", text=text)

    async def choose(self, field: str, *files: Path) -> None:
        """Choose files in a field, which an expression names."""
        found = await self.call("Runtime.evaluate", expression=field)
        await self.call(
            "DOM.setFileInputFiles", objectId=found["result"]["objectId"], files=[str(file) for file in files]
        )

    async def ask(self, expression: str) -> Any:
        """Return what a page's script would see."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until something is so, as the page's own script would; returns it."""
        look = f"let seen; while (!(seen = ({expression}))) await new Promise((go) => setTimeout(go, 20)); return seen"
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.ask(f"(async () => {{ {look} }})()")

    async def picture(self, path: Path) -> bytes:
        """Return the whole page as it is seen, and keep it for whoever wants to look."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        seen = base64.b64decode(shot["data"])
        await asyncio.to_thread(path.write_bytes, seen)
        return seen


def _start(folder: Path, reads: int, writes: int) -> int:
    arguments = [str(CHROMIUM), *_FLAGS, *_QUIET, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with (folder / "chromium.log").open("wb") as log:
        ends = {1: log.fileno(), 2: log.fileno(), 3: reads, 4: writes}  # as the protocol has it
        actions = [(os.POSIX_SPAWN_DUP2, one, other) for other, one in ends.items()]
        return os.posix_spawn(arguments[0], arguments, os.environ, file_actions=actions, setsid=True)


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Tab]:
    """Open a browser with one empty page, which ends with the block."""
    ours, theirs = os.pipe(), os.pipe()
    loop = asyncio.get_running_loop()
    process = await asyncio.to_thread(_start, folder, ours[0], theirs[1])
    os.close(ours[0])
    os.close(theirs[1])
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(theirs[0], "rb")
    )
    browser = Browser(reader, ours[1])
    listening = asyncio.create_task(browser.listen())
    try:
        target = (await browser.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await browser.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = Tab(browser, session)
        for domain in ("Page", "Runtime", "Network"):
            await tab.call(f"{domain}.enable")
        yield tab
    finally:
        listening.cancel()
        os.killpg(process, signal.SIGKILL)  # and the processes that it started
        await asyncio.to_thread(os.waitpid, process, 0)
        transport.close()
        os.close(ours[1])


@asynccontextmanager
async def browsing_beside(api: Api, folder: Path, path: str) -> AsyncIterator[Tab]:
    """Serve OpsLoop, and open a browser beside it; the tab's `url` is the address of a path there."""
    listener = listen("127.0.0.1", 0)
    async with serving(api.app, listener):
        async with browsing(folder) as tab:
            tab.url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
            yield tab
        api.db.wakeups.stop()


def contrast(one: str, other: str) -> float:
    """Return how far two colours, as a page computes them, are apart (WCAG 2, 1.4.3): from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
