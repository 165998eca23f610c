"""Pages, links and their cookies: GET shows, POST acts, a link works once, a cookie opens one thing for an hour."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, text

from opsloop_common.access import links
from opsloop_common.access.tables import page_link
from opsloop_common.db import Context
from opsloop_common.http import shares
from opsloop_common.http.pages import CSP
from opsloop_common.limits import PAGE_FORM_BYTES, PAGE_SESSION_SECONDS, REQUEST_CONNECTIONS, VISITOR_RATE_BURST
from opsloop_common.runner import housekeeping
from opsloop_common.testing.due import run_recurring
from opsloop_common.testing.http import Api, settings_for_tests
from opsloop_common.testing.sample.pages import PURPOSE
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note

DAY = timedelta(days=1)


@dataclass
class Room:
    """A note in workspace `acme`, and a browser."""

    api: Api
    note: UUID

    @property
    def browser(self) -> httpx.AsyncClient:
        return self.api.client

    @property
    def path(self) -> str:
        return f"/p/acme/notes/{self.note}"

    async def link(self, *, lives: timedelta = DAY, workspace: str = "acme", subject: str | None = None) -> str:
        async with self.api.db.transaction(Context(workspace=workspace)) as session:
            found = await links.issue(session, purpose=PURPOSE, subject=subject or f"note/{self.note}", lives=lives)
        return str(found)

    async def open(self, link: str, *, workspace: str = "acme", **headers: str) -> httpx.Response:
        return await self.browser.post(f"/p/{workspace}/notes/open", data={"link": link}, headers=headers)

    async def text(self) -> str:
        async with self.api.db.transaction(Context(workspace="acme")) as session:
            return (await session.scalars(select(Note.text).where(Note.id == self.note))).one()


async def make_room(api: Api, text: str = "<script>alert(1)</script> 支付失败") -> Room:
    answer = await api.client.post("/v1/notes", json={"text": text}, headers=await api.key())
    return Room(api, UUID(answer.json()["id"]))


@pytest_asyncio.fixture
async def room(api) -> AsyncIterator[Room]:
    return await make_room(await api(SAMPLE))


@pytest_asyncio.fixture
async def secure_room(api) -> AsyncIterator[Room]:
    return await make_room(await api(SAMPLE, settings_for_tests(public_url="https://ops.example.test")))


def token_in(page: httpx.Response) -> str:
    match = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
    assert match is not None, page.text
    return match[1]


def is_page(answer: httpx.Response, status: int) -> bool:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"
    return True


async def test_a_link_is_shown_by_get_and_taken_by_post_once(room: Room):
    link = await room.link()

    for _ in range(3):  # a scanner opens it as often as it likes
        shown = await room.browser.get("/p/acme/notes/open", params={"link": link})
        assert is_page(shown, 200)
        assert "set-cookie" not in shown.headers
    first = await room.open(link)
    room.browser.cookies.clear()
    second = await room.open(link)

    assert first.status_code == 303
    assert first.headers["location"] == room.path
    cookie = first.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={PAGE_SESSION_SECONDS}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert is_page(second, 404)
    assert link not in second.text


async def test_where_there_is_tls_the_cookie_is_bound_to_the_host(secure_room: Room):
    opened = await secure_room.open(await secure_room.link())

    cookie = opened.headers["set-cookie"]
    assert cookie.startswith("__Host-opsloop-")
    assert "Secure" in cookie.split("; ")
    assert "Domain" not in cookie


async def test_fifty_at_once_open_a_link_once(room: Room):
    link = await room.link()

    answers = await asyncio.gather(*[room.open(link) for _ in range(50)])

    assert sorted({answer.status_code for answer in answers}) == [303, 404]
    assert [answer.status_code for answer in answers].count(303) == 1


async def test_the_cookie_opens_its_page_and_markup_stays_text(room: Room):
    await room.open(await room.link())

    page = await room.browser.get(room.path)

    assert is_page(page, 200)
    assert "<script>" not in page.text
    assert "支付失败" in page.text


async def test_the_cookie_opens_pages_only(room: Room):
    await room.open(await room.link())

    for method, path in (("GET", "/v1/notes"), ("GET", f"/v1/notes/{room.note}"), ("POST", "/v1/notes")):
        answer = await room.browser.request(method, path, json={"text": "x"} if method == "POST" else None)
        assert answer.status_code == 401, path


async def test_a_cookie_opens_nothing_else(room: Room):
    other = await make_room(room.api, "another note")
    await room.open(await room.link())

    assert is_page(await room.browser.get(other.path), 404)
    cookie = next(iter(room.browser.cookies.jar))
    room.browser.cookies.clear()
    for name in ("opsloop-0000000000000000", cookie.name):
        stolen = {"Cookie": f"{name}={'0' * 32}.{'0' * 64}"}
        assert is_page(await room.browser.get(room.path, headers=stolen), 404)
    elsewhere = {"Cookie": f"{cookie.name}={cookie.value}"}
    assert is_page(await room.browser.get(room.path.replace("acme", "other"), headers=elsewhere), 404)
    assert is_page(await room.browser.get(other.path, headers=elsewhere), 404)


@pytest.mark.parametrize("wrong", ["", "x", "0" * 32 + "." + "0" * 64, "0" * 100_000])
async def test_a_link_that_is_none(room: Room, wrong: str):
    answer = await room.open(wrong)

    assert answer.status_code in (404, 413)
    assert "set-cookie" not in answer.headers


async def test_a_link_of_another_workspace_or_purpose(room: Room):
    assert is_page(await room.open(await room.link(workspace="other")), 404)
    assert is_page(await room.open(await room.link(), workspace="other"), 404)
    async with room.api.db.transaction(Context(workspace="acme")) as session:
        strange = await links.issue(session, purpose="unsubscribe", subject=f"note/{room.note}", lives=DAY)
    assert is_page(await room.open(str(strange)), 404)


async def test_links_and_cookies_expire(room: Room):
    late = await room.link()
    room.api.clock.advance(DAY)
    assert is_page(await room.open(late), 404)

    await room.open(await room.link())
    assert (await room.browser.get(room.path)).status_code == 200
    room.api.clock.advance(timedelta(seconds=PAGE_SESSION_SECONDS))
    assert is_page(await room.browser.get(room.path), 404)


async def test_revoking_ends_links_and_cookies(room: Room):
    unused = await room.link()
    await room.open(await room.link())

    async with room.api.db.transaction(Context(workspace="acme")) as session:
        ended = await links.revoke(session, purpose=PURPOSE, subject=f"note/{room.note}")

    assert ended == 2
    assert is_page(await room.browser.get(room.path), 404)
    assert is_page(await room.open(unused), 404)


async def test_a_post_needs_the_form_of_the_page(room: Room):
    await room.open(await room.link())
    token = token_in(await room.browser.get(room.path))

    refused = [
        await room.browser.post(room.path, data={"text": "forged"}),
        await room.browser.post(room.path, data={"text": "forged", "form_token": "0" * 64}),
        await room.browser.post(room.path, data={"text": "forged", "form_token": "漢字"}),
        *[
            await room.browser.post(room.path, data={"text": "forged", "form_token": token}, headers=headers)
            for headers in (
                {"Sec-Fetch-Site": "cross-site"},
                {"Sec-Fetch-Site": "same-site"},
                {"Origin": "https://evil.example"},
                {"Origin": "null"},
            )
        ],
    ]

    assert [answer.status_code for answer in refused] == [403] * 7
    assert "支付失败" in await room.text()
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://service.test"}):
        sent = await room.browser.post(room.path, data={"text": "好了", "form_token": token}, headers=headers)
        assert sent.status_code == 303
    assert await room.text() == "好了"


async def test_a_link_is_not_taken_from_another_site(room: Room):
    answer = await room.open(await room.link(), Origin="https://evil.example")

    assert is_page(answer, 403)
    assert "set-cookie" not in answer.headers


async def test_browsers_send_our_own_forms_with_our_origin(room: Room):
    # Fetch, "append a request Origin header": these policies keep it for a POST to the same origin, "no-referrer" makes it null
    shown = await room.browser.get("/p/acme/notes/open", params={"link": await room.link()})
    assert shown.headers["referrer-policy"] in ("same-origin", "strict-origin")

    assert is_page(await room.open(await room.link(), Origin="null"), 403)
    assert (await room.open(await room.link(), Origin="http://service.test")).status_code == 303


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"text=a%00b", "application/x-www-form-urlencoded", 422),
        (b"text=%ff%fe", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"f%d=1" % number for number in range(101)), "application/x-www-form-urlencoded", 422),
        (b"a" * (PAGE_FORM_BYTES + 1), "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 415),
    ],
)
async def test_forms_that_are_none(room: Room, content: bytes, kind: str, status: int):
    for path in (room.path, "/p/acme/notes/open"):
        answer = await room.browser.post(path, content=content, headers={"Content-Type": kind})
        assert is_page(answer, status)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ('--x\r\nContent-Disposition: form-data; name="link"\r\n\r\n{}\r\n--x--\r\n', 303),
        ('--x\r\ncontent-disposition: form-data; name="link"\r\n\r\n{}\r\n--x--', 303),
        ('--x\r\nContent-Disposition: form-data; name="link"\r\n\r\nwrong\r\n--x--', 404),
        ("--x--", 404),
        ("nothing", 404),
        ('--x\r\nContent-Disposition: form-data; name="link"; filename="f"\r\n\r\n{}\r\n--x--', 422),
        ("--x\r\nno part\r\n--x--", 422),
        ('--x\r\nContent-Disposition: form-data; name="a\0"\r\n\r\nb\r\n--x--', 422),
        ('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\0\r\n--x--', 422),
        ('--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 101 + "--x--", 422),
    ],
)
async def test_a_form_may_come_in_parts_as_mail_programs_send_it(room: Room, content: str, status: int):
    link = await room.link()
    answer = await room.browser.post(
        "/p/acme/notes/open",
        content=content.replace("{}", str(link)).encode(),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=x"]
)
async def test_parts_without_a_boundary_and_other_parts_are_no_form(room: Room, kind: str):
    part = b'--x\r\nContent-Disposition: form-data; name="link"\r\n\r\na\r\n--x--'
    answer = await room.browser.post("/p/acme/notes/open", content=part, headers={"Content-Type": kind})

    assert is_page(answer, 415)


async def test_a_visitor_is_an_address_and_all_that_its_ipv6_network_has(room: Room):
    async def page(host: str) -> int:
        transport = httpx.ASGITransport(room.api.app, client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as browser:
            return (await browser.get("/p/acme/notes/open", params={"link": "x"})).status_code

    told = [await page(f"2001:db8::{number:x}") for number in range(VISITOR_RATE_BURST + 100)]

    assert told.count(429) > 20
    assert await page("2001:db8:0:1::1") == 200


@pytest.mark.parametrize("path", ["/p/UPPER/notes/open", "/p/-x/notes/open", "/p/acme/notes/not-a-uuid"])
async def test_addresses_that_are_none(room: Room, path: str):
    assert is_page(await room.browser.get(path), 404)


async def test_a_link_lives_for_a_bounded_time(room: Room):
    for lives in (timedelta(), timedelta(days=91), timedelta(seconds=-1)):
        with pytest.raises(ValueError, match="days"):
            await room.link(lives=lives)


async def test_only_hashes_are_kept_and_what_ended_is_forgotten(room: Room):
    link = await room.link()
    opened = await room.open(link)
    secrets = [link.partition(".")[2], opened.headers["set-cookie"].partition(".")[2].partition(";")[0]]
    async with room.api.db.transaction() as session:
        [row] = (await session.execute(select(page_link))).all()
    assert not any(
        secret in str(row) or bytes.fromhex(secret) in (row.secret_hash, row.session_hash) for secret in secrets
    )

    room.api.clock.advance(3 * DAY)
    await run_recurring(room.api.db, housekeeping.kinds(SAMPLE))

    async with room.api.db.transaction() as session:
        assert (await session.execute(select(page_link))).all() == []


async def test_a_page_waits_for_a_share_of_its_workspace_as_a_request_does(room: Room, monkeypatch):
    monkeypatch.setattr(shares, "SHARE_SECONDS", 0.5)
    await room.open(await room.link())

    async with room.api.db.engine.connect() as locker:
        await locker.execute(text("LOCK TABLE page_link IN ACCESS EXCLUSIVE MODE"))
        pages = [asyncio.create_task(room.browser.get(room.path)) for _ in range(20)]
        refused = await next(asyncio.as_completed(pages))
        held = room.api.db.engine.pool.checkedout()
    answers = await asyncio.gather(*pages)

    assert is_page(refused, 503)
    assert refused.headers["retry-after"] == "1"
    assert "Too much of this workspace is going on; try again." in refused.text
    assert held <= REQUEST_CONNECTIONS + 1
    assert {answer.status_code for answer in answers} == {200, 503}
    assert is_page(await room.browser.get(room.path), 200)
