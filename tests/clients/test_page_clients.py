"""Clients from npm as they are, in a real browser, on a page of another origin than OpsLoop's."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from opsloop_common.http.vendors import unpacked
from opsloop_common.limits import CAPTURE_BYTES
from opsloop_common.testing.prerequisites import end_without
from opsloop_metrics.reading.rules import payload_of
from tests.clients.front import Front, fronting, key_for, stored
from tests.harness import Deployment, eventually

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("clients"), pytest.mark.timeout(300)]
# as a person's: what says that it is headless is a robot, which some clients do not even send
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NPM = shutil.which("npm")
needs_both = pytest.mark.skipif(not (CHROMIUM and NPM), reason="no chromium, or no npm to fetch the clients with")


@dataclass(frozen=True)
class Page:
    """A client's package and the page that uses it: `KEY` and `HOST` stand for the key and OpsLoop's address."""

    package: str
    script: str
    sends: tuple[str, ...]
    says: tuple[str, ...]
    stored: tuple[str, ...]


PAGES = {
    "posthog-js": Page(
        "posthog-js@1.449.2",
        """<script type="module">
        import posthog from "/site/package/dist/module.js"
        posthog.init("KEY", {api_host: "HOST", disable_surveys: true})
        posthog.identify("u1", {plan: "pro"})
        posthog.capture("Opened", {"名": "值"})
        </script>""",
        ("/e/", "/batch/", "/i/"),
        ("$identify", "$pageview", "Opened"),
        ("$identify", "$pageview", "Opened"),
    ),
    "analytics.js": Page(
        "@segment/analytics-next@1.84.3",
        """<script src="/site/package/dist/umd/index.js"></script><script>
        const analytics = AnalyticsNext.AnalyticsBrowser.load({writeKey: "KEY", cdnURL: "HOST"})
        analytics.page()
        analytics.identify("u1", {plan: "pro"})
        analytics.track("Opened", {"名": "值"})
        </script>""",
        ("/v1/",),
        ("identify", "page", "Opened"),
        ("$identify", "$pageview", "Opened"),
    ),
    "amplitude": Page(
        "@amplitude/analytics-browser@2.48.1",
        """<script src="/site/package/lib/scripts/amplitude-min.umd.js"></script><script>
        amplitude.init("KEY", "u1", {serverUrl: "HOST/2/httpapi", flushIntervalMillis: 500})
        amplitude.identify(new amplitude.Identify().set("plan", "pro"))
        amplitude.track("Opened", {"名": "值"})
        </script>""",
        ("/2/httpapi",),
        ("$identify", "[Amplitude] Page Viewed", "Opened"),
        ("$identify", "$pageview", "Opened"),
    ),
    "plausible": Page(
        "@plausible-analytics/tracker@0.4.6",
        """<script type="module">
        import {init, track} from "/site/package/plausible.js"
        init({domain: "shop.example", endpoint: "HOST/api/event?key=KEY", captureOnLocalhost: true})
        track("Opened", {props: {"名": "值"}})
        </script>""",
        ("/api/event",),
        ("pageview", "Opened"),
        ("$pageview", "Opened"),
    ),
    "mixpanel-browser": Page(
        "mixpanel-browser@2.83.0",
        """<script type="module">
        import mixpanel from "/site/package/dist/mixpanel.module.js"
        mixpanel.init("KEY", {api_host: "HOST", track_pageview: true, batch_flush_interval_ms: 500})
        mixpanel.identify("u1")
        mixpanel.track("Opened", {"名": "值"})
        </script>""",
        ("/track",),
        ("$identify", "$mp_web_page_view", "Opened"),
        ("$identify", "$pageview", "Opened"),
    ),
}


def fetch(package: str, folder: Path) -> None:
    """Put a package's files below `folder`/package."""
    command = [str(NPM), "pack", "--silent", "--pack-destination", str(folder), package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        end_without(f"{package} cannot be fetched: {done.stderr[-300:]}")
    subprocess.run(["tar", "-xzf", done.stdout.split()[-1]], cwd=folder, check=True)


@pytest.fixture
async def browse(tmp_path: Path):
    """Return a function that opens a page in a browser, which ends with the test."""
    opened: list[subprocess.Popen[bytes]] = []

    def open_page(url: str) -> None:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        flags += [f"--user-data-dir={tmp_path / 'profile'}", f"--user-agent={AGENT}", "--disable-background-networking"]
        command = [str(CHROMIUM), *flags, "--enable-logging=stderr", url]
        with (tmp_path / "chromium.log").open("wb") as log:
            opened.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))

    yield open_page
    for browser in opened:
        os.killpg(browser.pid, signal.SIGKILL)  # and the processes that it started
        browser.wait(30)


@needs_both
@pytest.mark.parametrize("client", sorted(PAGES))
async def test_what_a_page_captures_arrives(
    embedded_deployment: Deployment, tmp_path: Path, browse: Callable[[str], None], client: str
):
    page, site = PAGES[client], tmp_path / "site"
    site.mkdir()
    await asyncio.to_thread(fetch, page.package, site)
    target = embedded_deployment.urls["metrics"]
    async with fronting(target) as front, fronting(target, site=site) as shop:
        shop_url = "http://" + urlsplit(shop.url).netloc
        key = await key_for(
            embedded_deployment, publishable=True, origins=[shop_url], rows_per_day=1_000, bytes_per_day=10_000_000
        )
        script = page.script.replace("KEY", key).replace("HOST", front.url)
        (site / "index.html").write_text(f'<!doctype html><meta charset="utf-8"><title>Shop</title>{script}')

        browse(f"{shop_url}/site/index.html")
        log = tmp_path / "chromium.log"
        try:
            await eventually(lambda: arrived(front, page), within=60, what=f"{client} sends")
        except AssertionError as error:
            seen = [(one.method, one.path, one.status, one.answer[:200]) for one in front.seen]
            raise AssertionError(f"{error}\n{seen}\n{log.read_text(errors='replace')[-3000:]}") from None
    assert "blocked by CORS" not in log.read_text(errors="replace")

    refused = [(one.path, one.status, one.answer[:200]) for one in front.seen if one.status >= 400]
    assert refused == []
    rows = await stored(embedded_deployment, "SELECT event, properties, browser FROM opsloop.event")
    assert {event for event, _, _ in rows} >= set(page.stored)
    ((properties, browser),) = [(json.loads(said), browser) for event, said, browser in rows if event == "Opened"]
    assert (properties["名"], browser) == ("值", "Chrome")


async def arrived(front: Front, page: Page) -> bool:
    """Say whether OpsLoop took all that the page captures, which its client may send in several requests."""
    taken = [one for one in front.seen if one.method == "POST" and one.status < 300]
    said = b"".join([await plain(one.body) for one in taken if one.path.startswith(page.sends)])
    return all(f'"{name}"'.encode() in said for name in page.says)


async def plain(body: bytes) -> bytes:
    """Return the JSON that a client wrapped."""
    found = await unpacked(body, "", CAPTURE_BYTES)
    return found if found[:1] in (b"{", b"[") else await unpacked(payload_of(found)[0], "", CAPTURE_BYTES)
