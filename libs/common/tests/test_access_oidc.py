"""Tokens of people, against a real issuer: its configuration and keys served over HTTP, its signatures made with real keys."""

import asyncio
import socket
from datetime import timedelta

import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from opsloop_common.access import oidc
from opsloop_common.access.oidc import OidcReader, oidc_reader
from opsloop_common.errors import Unauthorized, Unavailable
from opsloop_common.testing.http import settings_for_tests
from opsloop_common.testing.sample.service import SAMPLE

AUDIENCE = "opsloop"


class Issuer:
    """A small OpenID Connect issuer."""

    def __init__(self, url):
        self.url = url
        self.keys = {}
        self.asked = 0
        self.down = False
        self.add("rsa-1", rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")

    def add(self, kid, key, algorithm):
        self.keys[kid] = (key, algorithm)

    def token(self, clock, *, kid="rsa-1", key=None, algorithm=None, **claims):
        now = clock.now()
        body = {"iss": self.url, "aud": AUDIENCE, "sub": "u-7", "workspace": "acme", "scope": "openid sample:write"}
        body |= {"iat": now, "exp": now + timedelta(minutes=5)} | claims
        known_key, known_algorithm = self.keys.get(kid, (None, None))
        if key == "another":
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if algorithm == "none":
            known_key = None
        body = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(body, key or known_key, algorithm=algorithm or known_algorithm, headers={"kid": kid})

    def app(self):
        async def configuration(_):
            if self.down:
                return PlainTextResponse("down", 500)
            return JSONResponse({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})

        async def keys(_):
            self.asked += 1
            found = []
            for kid, (key, algorithm) in self.keys.items():
                public = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
                found.append(public | {"kid": kid, "alg": algorithm, "use": "sig"})
            return JSONResponse({"keys": [*found, {"kty": "from the future"}]})

        return Starlette(routes=[Route("/.well-known/openid-configuration", configuration), Route("/keys", keys)])


@pytest.fixture
async def issuer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        issuer = Issuer(f"http://127.0.0.1:{taken.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(issuer.app(), log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[taken]))
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield issuer
        server.should_exit = True
        await serving


@pytest.fixture
def monotonic():
    class Monotonic:
        now = 0.0

        def __call__(self):
            return self.now

    return Monotonic()


@pytest.fixture
def reader(issuer, clock, monotonic):
    return OidcReader(issuer.url, AUDIENCE, scopes=SAMPLE.scopes, clock=clock, monotonic=monotonic)


async def test_a_person_is_let_in_through_the_door(api, issuer):
    sample = await api(SAMPLE, settings_for_tests(oidc_issuer=issuer.url, oidc_audience=AUDIENCE))
    person = {"Authorization": f"Bearer {issuer.token(sample.clock)}"}
    reader = {"Authorization": f"Bearer {issuer.token(sample.clock, scope='sample:read')}"}
    forged = {"Authorization": f"Bearer {issuer.token(sample.clock)[:-6]}AAAAAA"}

    made = await sample.client.post("/v1/notes", json={"text": "x"}, headers=person)

    assert made.status_code == 201, made.text
    [event] = await sample.events()
    assert (event.actor, event.workspace) == ("user:u-7", "acme")
    assert (await sample.client.post("/v1/notes", json={"text": "x"}, headers=reader)).status_code == 403
    refused = await sample.client.get("/v1/notes", headers=forged)
    assert refused.status_code == 401
    assert "invalid_token" in refused.headers["www-authenticate"]


async def test_elliptic_curves_and_lists_of_scopes_are_understood(reader, issuer, clock):
    issuer.add("ec-1", ec.generate_private_key(ec.SECP256R1()), "ES256")

    person = await reader.read(
        issuer.token(clock, kid="ec-1", scope=["sample:read", "other:admin"], aud=["x", AUDIENCE])
    )

    assert person.scopes == {"sample:read"}

    admin = await reader.read(issuer.token(clock, kid="ec-1", scope="sample:admin"))
    assert admin.scopes == {"sample:read", "sample:write", "sample:admin"}


REFUSED = {
    "another audience": {"aud": "billing"},
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 0},
    "no expiry": {"exp": None},
    "not valid yet": {"nbf": 2_000_000_000},
    "no workspace": {"workspace": None},
    "no slug": {"workspace": "No Slug"},
    "no subject": {"sub": None},
    "unknown key": {
        "kid": "rsa-9",
        "key": "another",
        "algorithm": "RS256",
    },
    "another's key": {"key": "another", "algorithm": "RS256"},
    "a shared secret": {"key": "the public key, used as a secret, as it were", "algorithm": "HS256"},
    "no signature": {"algorithm": "none"},
}


@pytest.mark.parametrize("why", REFUSED)
async def test_what_is_not_a_token_for_us_is_401(reader, issuer, clock, why):
    with pytest.raises(Unauthorized):
        await reader.read(issuer.token(clock, **REFUSED[why]))


async def test_a_token_is_good_until_it_expires(reader, issuer, clock):
    token = issuer.token(clock)

    clock.advance(timedelta(minutes=5, seconds=29))
    await reader.read(token)
    clock.advance(1)
    with pytest.raises(Unauthorized):
        await reader.read(token)


async def test_keys_are_cached_and_rotation_is_noticed(reader, issuer, clock, monotonic):
    for _ in range(5):
        await reader.read(issuer.token(clock))
    assert issuer.asked == 1

    issuer.keys.clear()
    issuer.add("rsa-2", rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")
    monotonic.now += 11
    await asyncio.gather(*(reader.read(issuer.token(clock, kid="rsa-2")) for _ in range(5)))
    assert issuer.asked == 2

    forged = {"key": issuer.keys["rsa-2"][0], "algorithm": "RS256"}
    for number in range(20):
        with pytest.raises(Unauthorized):
            await reader.read(issuer.token(clock, kid=f"guess-{number}", **forged))
    assert issuer.asked == 2  # forged key ids do not make us ask again and again


async def test_an_issuer_that_is_down_is_503_at_first_and_no_matter_later(reader, issuer, clock, monotonic):
    issuer.down = True
    with pytest.raises(Unavailable):
        await reader.read(issuer.token(clock))

    issuer.down = False
    monotonic.now += 11
    await reader.read(issuer.token(clock))

    issuer.down = True
    monotonic.now += 4000
    assert (await reader.read(issuer.token(clock))).actor == "user:u-7"


def test_an_issuer_needs_an_audience(clock):
    assert oidc_reader(None, None, scopes=(), clock=clock) is None
    with pytest.raises(ValueError, match="AUDIENCE"):
        oidc_reader("https://issuer.example", None, scopes=(), clock=clock)


async def test_an_issuer_that_drips_is_given_up_in_time(issuer, clock, monkeypatch):
    async def drip(reader, writer):
        try:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except OSError:
            pass

    monkeypatch.setattr(oidc, "FETCH_SECONDS", 0.5)
    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    slow = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    reader = OidcReader(slow, AUDIENCE, scopes=SAMPLE.scopes, clock=clock)

    with pytest.raises(Unavailable):
        async with asyncio.timeout(3):
            await reader.read(issuer.token(clock))
    server.close()
