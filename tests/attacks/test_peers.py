"""Whatever a peer sends: it holds no turn of the loop, keeps nobody waiting, and costs no memory."""

from __future__ import annotations

import asyncio
import datetime
import functools
import gc
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opsloop_common import limits, tls
from opsloop_common.access.issuer import IssuerClient
from opsloop_common.foreign import Unreadable
from opsloop_common.limits import EVENT_BYTES
from opsloop_common.outbound.client import OutboundClient, OutboundError
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_notifications.mail.service import MailDelayed, MailRefused, MailServer
from opsloop_notifications.mail.writing import Written, write
from tests.attacks.peers import HTTP, SMTP, SMTP_FLOODS, TLS, UNSPOKEN, bad_peers

pytestmark = pytest.mark.slow

CALLS = 16
HELD_SECONDS = 0.010
"""Of a quiet machine; of one that is slower now, as long as it takes for what a quiet one does in that time."""
TICK_SECONDS = 0.001
LOOPBACK = AddressPolicy(allowed=parse_networks("127.0.0.0/8"))
NEVER_SAYS_ITS_STATUS = {
    "early_hints", "early_hints_with_headers", "continues", "line_ends", "nulls", "drip_interim", *UNSPOKEN,
}  # fmt: skip

T = TypeVar("T")


@asynccontextmanager
async def turns_measured() -> AsyncIterator[Callable[[], float]]:
    """Yield what tells the longest turn of the loop, in processor time: other processes do not make it longer."""
    loop, worst, done = asyncio.get_running_loop(), 0.0, False

    def tick() -> None:
        nonlocal worst, last
        now = time.thread_time()
        worst, last = max(worst, now - last), now
        if not done:
            loop.call_later(TICK_SECONDS, tick)

    gc.collect()
    gc.disable()  # the product looks for garbage seldom, and what it finds is no peer's doing
    last = time.thread_time()
    tick()
    try:
        yield lambda: worst
    finally:
        done = True
        gc.enable()


def seconds_held() -> float:
    """Return how long `HELD_SECONDS` of work take now, in processor time: caches and cores that others use too make it more."""

    def half_of_it() -> float:
        began = time.thread_time()
        sum(number * number for number in range(100_000))
        return time.thread_time() - began

    return max(HELD_SECONDS, *(2 * half_of_it() for _ in range(4)))


@dataclass(frozen=True)
class Came:
    """What came of many calls at once."""

    outcomes: Counter[str]
    line: str


async def attacked(kind: str, call: Callable[[], Coroutine[Any, Any, str]], *, calls: int = CALLS) -> Came:
    before, allowed = psutil.Process().memory_info().rss, seconds_held()
    async with turns_measured() as held:
        outcomes = Counter(await asyncio.gather(*[call() for _ in range(calls)]))
    grown = psutil.Process().memory_info().rss - before
    line = f"{kind}: {calls} calls, {dict(outcomes)}, longest turn {held() * 1000:.1f} ms, memory +{grown >> 20} MiB"
    print(line)
    assert held() < max(allowed, seconds_held()), line
    assert grown < 24 << 20, line
    return Came(outcomes, line)


async def outcome_of(client: OutboundClient, url: str, body: bytes = b"x" * 500) -> str:
    try:
        return str((await client.post(url, body, {})).status)
    except OutboundError as error:
        return error.failure


async def webhook_attacked(
    kind: str, port: int, *, scheme: str = "http", seconds: float = 0.6, calls: int = CALLS
) -> Came:
    body = b"x" * (EVENT_BYTES if kind == "reads_nothing" else 500)
    async with OutboundClient(LOOPBACK, timeout_seconds=seconds) as client:
        url = f"{scheme}://127.0.0.1:{port}/"
        return await attacked(f"webhook {kind}", lambda: outcome_of(client, url, body), calls=calls)


def on_uvloop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run on the product's loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


def test_no_receiver_of_webhooks_holds_the_loop():
    """As a table: each kind of peer, many calls at once, the longest turn and what the calls came to."""
    kinds = (*HTTP, *UNSPOKEN)

    async def attack() -> None:
        async with bad_peers(*kinds, *TLS) as ports:
            for kind in kinds:
                came = await webhook_attacked(kind, ports[kind])
                expected = kind not in NEVER_SAYS_ITS_STATUS  # whatever comes after it
                assert {outcome.isdigit() for outcome in came.outcomes} == {expected}, came.line
            for kind in TLS:
                await webhook_attacked(kind, ports[kind], scheme="https")

    on_uvloop(attack)


def certificate_in(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "peer")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "peer.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_no_records_of_tls_hold_the_loop(tmp_path, monkeypatch):
    certificate = certificate_in(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(tls, "of_clients", tls.of_clients.__wrapped__)  # one that reads this certificate

    async def attack() -> Came:
        async with bad_peers("tls_records", certificate=certificate) as ports:
            return await webhook_attacked("tls_records", ports["tls_records"], scheme="https", seconds=4.0, calls=8)

    came = on_uvloop(attack)
    assert set(came.outcomes) <= {"200", "timeout"}, came.line


def test_no_mail_server_holds_the_loop(monkeypatch):
    monkeypatch.setattr(limits, "MAIL_SECONDS", 0.7)
    mail = write(
        sender="ops@product.test",
        recipient="u1@example.test",
        subject="s",
        body="x" * 20_000,
        id="1",
        sent_at=datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC),
    )

    async def attack() -> None:
        async with bad_peers(*SMTP, *SMTP_FLOODS) as ports:
            for kind in (*SMTP, *SMTP_FLOODS):
                async with MailServer(f"smtp://127.0.0.1:{ports[kind]}") as server:
                    came = await attacked(f"mail {kind}", lambda server=server: sent(server, mail), calls=2)
                took_it = kind == "smtp_floods_when_done"
                assert set(came.outcomes) <= (
                    {"sent"} if took_it else {"MailDelayed", "MailRefused", "SessionRefused"}
                ), came.line

    on_uvloop(attack)


async def sent(server: MailServer, mail: Written) -> str:
    try:
        await server.send(mail)
    except (MailRefused, MailDelayed) as error:
        # what the server said is stored and shown
        return type(error).__name__ if str(error).isprintable() else repr(error)
    return "sent"


def test_no_issuer_of_tokens_holds_the_loop(monkeypatch):
    monkeypatch.setattr(limits, "ISSUER_SECONDS", 0.5)
    kinds = (*HTTP, *UNSPOKEN)

    async def attack() -> None:
        async with bad_peers(*kinds) as ports:
            for some in (kinds[start : start + 4] for start in range(0, len(kinds), 4)):
                issuers = [f"http://127.0.0.1:{ports[kind]}" for kind in some]
                # of each one at a time: the reader of tokens asks so, and not again for ten seconds
                asked = iter([functools.partial(keys_of, IssuerClient(), issuer) for issuer in issuers])
                came = await attacked(f"issuers {' '.join(some)}", lambda asked=asked: next(asked)(), calls=len(some))
                assert set(came.outcomes) == {"unread"}, came.line

    on_uvloop(attack)


async def keys_of(client: IssuerClient, issuer: str) -> str:
    try:
        await client.keys(issuer)
    except Unreadable:
        return "unread"
    return "read"


def test_a_server_chooses_no_costly_key_exchange():
    """ffdhe8192 cost 120 ms, an 8192-bit DHE group of TLS 1.2 225 ms, before any certificate was looked at."""
    context = tls.of_clients()
    hello = ssl.MemoryBIO()
    talk = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="peer.example")
    with pytest.raises(ssl.SSLWantReadError):
        talk.do_handshake()

    groups = bytes.fromhex("000a" + "0004" + "0002" + "0017")  # the extension, with secp256r1 alone
    assert groups in hello.read()
    assert {cipher["kea"] for cipher in context.get_ciphers()} <= {"kx-any", "kx-ecdhe"}
    assert context.options & ssl.OP_NO_RENEGOTIATION


async def test_a_name_server_that_never_answers_holds_one_thread_a_name(monkeypatch):
    asked: list[str] = []

    def hang(host, *_, **__):
        asked.append(host)
        time.sleep(0.3)  # how long the resolver hangs
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", hang)
    async with OutboundClient(AddressPolicy(), timeout_seconds=5) as client:
        calls = [outcome_of(client, "http://slow.example/") for _ in range(40)]
        outcomes = Counter(await asyncio.gather(*calls))

    assert outcomes == {"dns": 40}
    assert asked == ["slow.example."]
