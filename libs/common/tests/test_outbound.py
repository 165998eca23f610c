"""The guard: what may be called, and that nothing else ever is."""

import json
import socket
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from opsloop_common import limits
from opsloop_common.outbound.client import (
    BadUrl,
    BlockedTarget,
    OutboundClient,
    OutboundError,
    check_url,
    policy_from,
)
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_common.outbound.wire import Bounds
from opsloop_common.settings import Settings
from opsloop_common.testing.hooks import hooked
from opsloop_common.testing.prerequisites import in_ci

TARGETS = Path(__file__).parents[4] / "shared" / "testdata" / "ssrf_targets.json"
PUBLIC = "93.184.216.34"
OURS = AddressPolicy(own_names=frozenset({("our-own-public-host", 443)}))


@pytest.fixture
async def hook():
    async with hooked() as made:
        yield made


def targets(*, expect: str, redirects: bool = False) -> list:
    if not TARGETS.exists():
        reason = f"{TARGETS.name} is not beside this repository"
        return [pytest.param(None, marks=() if in_ci() else pytest.mark.skip(reason=reason), id="absent")]
    rows = json.loads(TARGETS.read_text())["targets"]
    chosen = [row for row in rows if row["expect"] == expect and ("redirect_to" in row) == redirects]
    return [pytest.param(row, id=row["id"]) for row in chosen]


class World:
    """The DNS and the network as one test sees them: scripted answers, and dialled addresses instead of packets."""

    def __init__(self, answers: list[list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.dialled: list[tuple[str, int]] = []

    async def lookup(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def open_socket(self, info) -> socket.socket:
        self.dialled.append((info[4][0], info[4][1]))
        raise OSError("no packet leaves a test")

    async def call(self, url: str, policy: AddressPolicy = OURS) -> str:
        async with OutboundClient(policy, lookup=self.lookup, open_socket=self.open_socket) as client:
            try:
                await client.post(url, b"{}", {})
            except OutboundError as error:
                return error.failure
        return "answered"


@pytest.mark.parametrize("row", targets(expect="block"))
async def test_refuses_every_target_to_block(row):
    world = World(list(row.get("dns", [[PUBLIC]])))

    first, second = await world.call(row["url"]), await world.call(row["url"])

    if row["stage"] == "connect" and "dns" in row:  # rebinding: the vetted address, or none at all
        assert {address for address, _ in world.dialled} <= {PUBLIC}
        assert second == "blocked_target"
    else:
        assert (first, second) == ("blocked_target", "blocked_target")
        assert world.dialled == []
    if "url_parse" in row["stage"] or row["stage"] == "address":
        with pytest.raises(BadUrl):
            check_url(row["url"], OURS)


@pytest.mark.parametrize("row", targets(expect="allow"))
async def test_hands_every_target_to_allow_to_the_dialler(row):
    world = World([[PUBLIC]])

    assert await world.call(row["url"]) == "connection"
    assert world.dialled
    assert f"//{world.dialled[0][0]}/" in row["url"].replace("[", "").replace("]", "")


@pytest.mark.parametrize("row", targets(expect="policy"))
async def test_policy_targets_reach_only_what_they_name(row):
    world = World([[PUBLIC]])

    verdict = await world.call(row["url"])

    if "#" in row["url"]:
        assert (verdict, world.dialled) == ("blocked_target", [])
    else:
        assert verdict == "connection"
        assert world.dialled[0][0] in (PUBLIC, "::ffff:808:808")


async def answer_of(url: str, body: bytes = b"{}"):
    async with OutboundClient(AddressPolicy(allowed=parse_networks("127.0.0.0/8"))) as client:
        return await client.post(url, body, {"user-agent": "test"})


@pytest.mark.parametrize("row", targets(expect="block", redirects=True))
async def test_never_follows_the_redirects(row, hook):
    hook.answer, hook.headers = (
        302 if row["id"] == "redir-scheme" else int(row["cls"][:3]),
        {"Location": row["redirect_to"]},
    )

    answer = await answer_of(hook.url)

    assert 300 <= answer.status < 400
    assert len(hook.calls) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer(status, hook):
    hook.answer, hook.headers = status, {"Location": hook.url + "/elsewhere"}

    assert (await answer_of(hook.url)).status == status
    assert len(hook.calls) == 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "//example.com/",
        "example.com",
        "http://",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:/",
        "http://example.com:8x/",
        "http://exa mple.com/",
        "http://example.com/\n",
        "http://example.com\\@10.0.0.1/",
        "http://example.com/#fragment",
        "http://exam%70le.com/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://1.2.3/",
        "http://[::1%25eth0]/",
        "http://[1.1.1.1]/",
        "http://[2606:4700::1]evil.example/",
        "http://[2606:4700::1]:80evil/",
        "http://evil.example[2606:4700::1]/",
        "http://ex[ample].com/",
        "http://[v1.x]/",
        "http://[2606:4700::1/",
        "http://2606:4700::1]/",
        " http://example.com/",
        "\x00http://example.com/",
        "ht\ntp://example.com/",
        "http://-bad-.example/",
        "http://" + "a" * 64 + ".example/",
        "http://ｅｘａｍｐｌｅ.com/",
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::a00:1]/",
        "http://[fe80::1]/",
        "https://our-own-public-host/api",
        "https://OUR-own-public-host./",
        "http://example.com/" + "x" * 2100,
    ],
)
async def test_refuses_bad_urls_before_any_lookup(url):
    world = World([[PUBLIC]])

    with pytest.raises(BadUrl):
        check_url(url, OURS)
    assert await world.call(url) == "blocked_target"
    assert (world.asked, world.dialled) == ([], [])


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://Example.com:8443/a?b=c", "https://example.com:8443/a?b=c"),
        ("http://example.com?x=1", "http://example.com/?x=1"),
        ("http://example.com/%0d%0aX:%20y", "http://example.com/%0d%0aX:%20y"),
        ("http://例子.测试/路径", "http://xn--fsqu00a.xn--0zwm56d/%E8%B7%AF%E5%BE%84"),
        ("http://[2606:4700:4700:0:0:0:0:1111]:81/", "http://[2606:4700:4700::1111]:81/"),
    ],
)
def test_reads_good_urls(url, sent):
    assert check_url(url, OURS).url == sent


async def test_names_are_asked_fully_qualified_and_localhost_never():
    world = World([[PUBLIC]])

    await world.call("http://hooks.example/", AddressPolicy())
    await world.call("http://localhost/", AddressPolicy())
    await world.call("http://db.localhost./", AddressPolicy(allowed=parse_networks("127.0.0.0/8")))

    assert world.asked == ["hooks.example."]
    assert world.dialled == [(PUBLIC, 80), ("127.0.0.1", 80)]


async def test_one_bad_answer_spoils_the_name():
    world = World([[PUBLIC, "10.0.0.1"]])

    assert await world.call("http://mixed.example/") == "blocked_target"
    assert world.dialled == []


async def test_a_name_without_an_address_is_a_dns_failure():
    world = World([[]])

    assert await world.call("http://nowhere.example/") == "dns"


@pytest.mark.parametrize(
    ("allowed", "address", "opens"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "192.168.1.1", False),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("0.0.0.0/0,::/0", "64:ff9b::a9fe:a9fe", False),
        ("169.254.0.0/16", "169.254.169.254", False),
        ("169.254.169.254/32", "169.254.169.254", True),
        ("::/0", "fd00:ec2::254", False),
        ("fd00:ec2::254/128", "fd00:ec2::254", True),
        ("::1/128", "::1", True),
        ("", "not an address", False),
        ("fe80::/10", "fe80::1%eth0", False),
    ],
)
def test_the_operator_opens_networks(allowed, address, opens):
    assert AddressPolicy(allowed=parse_networks(allowed)).allows(address, 80) is opens


def test_allowlist_alone_opens_nothing_public():
    policy = AddressPolicy("allowlist", parse_networks("10.0.0.0/8"))

    assert not policy.allows(PUBLIC, 80)
    assert policy.allows("10.0.0.1", 80)


EVERYTHING = "0.0.0.0/0,::/0"


def machine_addresses() -> list[str]:
    found = [address.address for each in psutil.net_if_addrs().values() for address in each]
    return [
        address for address in found if "." in address or (":" in address and "%" not in address and len(address) != 17)
    ]


def test_our_own_front_door_stays_shut():
    settings = Settings(outbound_allow=EVERYTHING, port=8080, public_url="https://ops.example/")
    policy = policy_from(settings)
    here = ["127.0.0.1", "127.1.2.3", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "64:ff9b::7f00:1"]  # noqa: S104 refused
    assert len(machine_addresses()) >= 1

    for address in [*here, *machine_addresses()]:
        shown = f"[{address}]" if ":" in address else address
        for port in (8080, 443):  # where we listen, and where our public name answers
            assert not policy.allows(address, port), (address, port)
            with pytest.raises(BadUrl):
                check_url(f"http://{shown}:{port}/api/feedback", policy)
        assert policy.allows(address, 9000), address
        if "." in address and ":" not in address:
            assert not policy.allows(f"::ffff:{address}", 8080)
    assert policy.allows(PUBLIC, 8080)
    assert policy.allows("10.255.255.254", 8080)  # somebody else's
    for url in ("https://ops.example/api/feedback", "https://OPS.example.:443/"):
        with pytest.raises(BadUrl):
            check_url(url, policy)


async def test_no_name_leads_to_our_own_front_door():
    policy = policy_from(Settings(outbound_allow=EVERYTHING, port=8080, public_url="https://ops.example/"))

    class Names(World):
        async def lookup(self, host, port):
            self.asked.append(host)
            return [PUBLIC] if host.startswith(("ops.", "alias.")) else ["93.184.216.35"]

    world = Names([])
    assert await world.call("https://alias.example/", policy) == "blocked_target"
    assert await world.call(f"https://{PUBLIC}/", policy) == "blocked_target"
    assert await world.call(f"https://[::ffff:{PUBLIC}]/", policy) == "blocked_target"
    assert await world.call("http://localhost:8080/", policy) == "blocked_target"
    assert await world.call("http://api.localhost:8080/", policy) == "blocked_target"
    assert world.dialled == []
    assert await world.call("https://other.example/", policy) == "connection"
    assert await world.call("http://alias.example:9000/", policy) == "connection"


async def test_a_dns_that_does_not_know_our_name_stops_no_call():
    policy = policy_from(Settings(port=8080, public_url="https://ops.example/"))

    class Names(World):
        async def lookup(self, host, port):
            if host.startswith("ops."):
                raise OSError
            return [PUBLIC]

    assert await Names([]).call("https://other.example/", policy) == "connection"


async def test_posts_the_exact_bytes_without_cookies_or_proxies(hook, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    body = '{"名称":"é"}'.encode()

    answer = await answer_of(hook.url + "?a=%2F", body)

    headers, received = hook.calls[0]
    assert (answer.status, answer.body, received) == (200, b"thanks", body)
    assert headers["user-agent"] == "test"
    assert "cookie" not in headers


async def test_reads_a_bounded_part_of_the_answer(hook):
    async def flood(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 10_000_000)

    hook.answer = flood

    assert len((await answer_of(hook.url)).body) == limits.CALL_BODY_BYTES


async def test_gives_up_after_its_time(hook):
    import asyncio

    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    hook.answer = hang
    async with OutboundClient(AddressPolicy(allowed=parse_networks("127.0.0.0/8")), timeout_seconds=0.2) as client:
        with pytest.raises(OutboundError) as caught:
            await client.post(hook.url, b"", {})
    release.set()

    assert caught.value.failure == "timeout"


async def test_a_refusal_tells_no_address():
    async with OutboundClient(AddressPolicy()) as client:
        with pytest.raises(BlockedTarget) as caught:
            await client.post("http://10.11.12.13/", b"", {})

    assert "10.11" not in str(caught.value)


async def test_asks_for_what_is_there_and_keeps_as_much_as_it_is_told_to(hook):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.method + "x" * 99_997)

    hook.answer = answer
    bounds = Bounds(answer_bytes=200_000, body_bytes=100_000)
    policy = AddressPolicy(allowed=parse_networks("127.0.0.0/8"))
    async with OutboundClient(policy, bounds=bounds) as client, OutboundClient(policy) as short:
        answers = [await each.get(hook.url, {"accept": "text/plain"}) for each in (client, short)]

    assert [(found.status, len(found.body), found.body[:4]) for found in answers] == [
        (200, 100_000, b"GETx"),
        (200, limits.CALL_BODY_BYTES, b"GETx"),
    ]
    assert [(headers["accept"], body) for headers, body in hook.calls] == [("text/plain", b"")] * 2


async def test_an_answer_longer_than_any_is_told_with_its_bound(hook):
    async def answer(request: web.Request) -> web.Response:
        return web.Response(headers={"x-much": "x" * 9_000}, text="y")

    hook.answer = answer
    policy = AddressPolicy(allowed=parse_networks("127.0.0.0/8"))
    async with OutboundClient(policy, bounds=Bounds(answer_bytes=8_192, body_bytes=1_024)) as client:
        found = await client.get(hook.url, {})

    assert (found.status, found.flaw) == (200, "The answer was longer than 8 KiB.")
