"""Routes for other vendors' clients: how bodies are unpacked and parsed, whose keys are tried, what a page may see."""

import asyncio
import gzip
import json
import sys
import zlib
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.errors import BadRequest, TooLarge, UnsupportedMediaType
from opsloop_common.http.cors import name_origin
from opsloop_common.http.routing import allow, public, publishable
from opsloop_common.http.vendors import (
    Dialect,
    Sent,
    VendorRouter,
    body_of,
    json_response,
    parsed,
    refusals,
    sent_of,
    speaks,
    unpacked,
    zstd,
)
from opsloop_common.service import Slice
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.turns import QUICK_BYTES, turn

LIMIT = 1_000
SAID = b'{"a": 1}'
PAGE = "https://shop.example"


def raw_deflate(plain: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(plain) + packing.flush()


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        pytest.param(SAID, "", id="as it is"),
        pytest.param(SAID, "gzip", id="called gzip, and is not"),
        pytest.param(SAID, "identity", id="identity"),
        pytest.param(gzip.compress(SAID, mtime=0), "gzip", id="gzip"),
        pytest.param(gzip.compress(SAID, mtime=0), "", id="gzip without a word"),
        pytest.param(gzip.compress(SAID, mtime=0), "zstd", id="gzip, called zstd"),
        pytest.param(zlib.compress(SAID), " Deflate ", id="deflate"),
        pytest.param(zstd.compress(SAID), "zstd", id="zstd"),
        pytest.param(zstd.compress(SAID), "", id="zstd without a word"),
    ],
)
async def test_what_is_packed_is_told_by_its_first_bytes(packed, encoding):
    assert await unpacked(packed, encoding, LIMIT) == SAID


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        pytest.param(gzip.compress(SAID, mtime=0)[:-9], "", id="gzip that ends too early"),
        pytest.param(zstd.compress(SAID)[:-1], "", id="zstd that ends too early"),
        pytest.param(gzip.compress(SAID, mtime=0) + b"x", "", id="something behind gzip"),
        pytest.param(zstd.compress(SAID) * 2, "", id="two frames of zstd"),
        pytest.param(b"\x1f\x8bnonsense", "", id="only the first bytes of gzip"),
        pytest.param(b"\x28\xb5\x2f\xfdnonsense", "", id="only the first bytes of zstd"),
        pytest.param(SAID, "deflate", id="called deflate, and is not"),
        pytest.param(raw_deflate(SAID), "deflate", id="deflate without a head"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(packed, encoding):
    with pytest.raises(BadRequest):
        await unpacked(packed, encoding, LIMIT)


@pytest.mark.parametrize("encoding", ["br", "compress", "BR"])
async def test_what_no_client_sends_is_refused_with_what_may_be_sent(encoding):
    with pytest.raises(UnsupportedMediaType, match="gzip"):
        await unpacked(SAID, encoding, LIMIT)


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize(("size", "is_taken"), [(LIMIT, True), (LIMIT + 1, False), (1_000_000, False)])
async def test_it_is_unpacked_up_to_the_limit(pack, size, is_taken):
    packed = pack(b"a" * size)
    if is_taken:
        assert len(await unpacked(packed, "", LIMIT)) == size
    else:
        with pytest.raises(TooLarge):
            await unpacked(packed, "", LIMIT)


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (b'{"a": [1, 2.5, null, "\xe5\x80\xbc"]}', {"a": [1, 2.5, None, "值"]}),
        (b'{"a": NaN, "b": Infinity, "c": -Infinity}', {"a": None, "b": None, "c": None}),
        (rb'"\ud800"', "\ud800"),
        (b"null", None),
        (b"1" * 10_000, sys.float_info.max),
        (b"[1, -" + b"9" * 4_400 + b"]", [1, -sys.float_info.max]),
        (b"\xef\xbb\xbf{}", {}),
    ],
)
async def test_json_is_read_as_other_writers_make_it(said, found):
    assert await parsed(said, workspace="acme") == found
    assert await parsed(said + b" " * 300_000, workspace="acme") == found, "also in its turn, where it is large"


@pytest.mark.parametrize(
    "said", [b"", b"{", b"{'a': 1}", b"\xff", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"nul"]
)
async def test_what_is_no_json_is_refused(said):
    with pytest.raises(BadRequest):
        await parsed(said, workspace="acme")


def test_a_vendors_route_has_to_say_whose_it_is():
    async def endpoint(request: Request) -> Response:
        return json_response({})

    with pytest.raises(TypeError, match="speaks"):
        VendorRouter().add_api_route("/x", endpoint, dependencies=[public()])


def test_a_route_tells_all_with_which_it_may_refuse():
    assert {400, 401, 403, 413, 415, 429, 503, 404} == set(refusals(404))


@pytest.mark.parametrize("listed", ["https://shop.example", "*", None])
def test_only_on_a_vendors_route_credentials_are_allowed(listed):
    router = vendor_router()
    headers = [(b"access-control-allow-origin", listed.encode())] if listed else []
    others = list(headers)

    name_origin(headers, PAGE, router.routes[0])
    name_origin(others, PAGE)

    assert dict(headers)[b"access-control-allow-origin"] == PAGE.encode()
    assert dict(headers)[b"access-control-allow-credentials"] == b"true"
    assert [name for name, _ in headers].count(b"access-control-allow-origin") == 1
    assert dict(others)[b"access-control-allow-origin"] == (listed or PAGE).encode()
    assert b"access-control-allow-credentials" not in dict(others)


def keys(sent: Sent) -> list[str]:
    """Return what the head names, then what the body does: a key a line."""
    return [*filter(None, [sent.headers.get("x-key"), sent.path.get("key")]), *sent.body.decode().splitlines()]


def unwrapped(sent: Sent) -> Sent:
    """Take `wrap:` from a body, and to the address what it says."""
    if sent.body.startswith(b"bad:"):
        raise BadRequest("nothing in it")
    return replace(sent, body=sent.body.removeprefix(b"wrap:"), query={**sent.query, "form": "yes"})


def vendor_router() -> VendorRouter:
    router = VendorRouter(tags=["capture: Sample"])
    dialect = Dialect(
        keys=keys, refusal=lambda status, words: {"no": status, "why": words}, plain=unwrapped, bytes=LIMIT
    )
    takes = [allow("sample:write"), publishable(), speaks(dialect)]

    async def tell(request: Request) -> Response:
        return json_response({"body": body_of(request).decode(), "form": sent_of(request).query.get("form")})

    router.add_api_route("/v1/foreign", tell, methods=["POST"], dependencies=takes)
    router.add_api_route("/v1/foreign/{key}", tell, methods=["GET"], dependencies=takes, operation_id="tell_by_path")
    return router


@pytest.fixture
async def foreign(api: Any) -> Any:
    """Return a service with a vendor's routes."""
    service = replace(SAMPLE, slices=(*SAMPLE.slices, Slice("foreign", routers=(vendor_router(),))))
    return await api(service)


async def key_of(foreign: Any, *scopes: str) -> str:
    return str((await foreign.key(*scopes))["Authorization"].removeprefix("Bearer "))


async def test_the_head_names_the_key_or_the_body_does(foreign):
    key = await key_of(foreign, "sample:write")
    for content, headers in ((f"wrap:{key}", {}), (f"nobodys\n{key}", {}), ("wrap:x", {"X-Key": key})):
        answer = await foreign.client.post("/v1/foreign", content=content, headers=headers)

        assert answer.status_code == 200, answer.text
        assert answer.json() == {"body": content.removeprefix("wrap:"), "form": "yes"}


async def test_the_path_may_name_it(foreign):
    key = await key_of(foreign, "sample:write")

    assert (await foreign.client.get(f"/v1/foreign/{key}")).status_code == 200
    assert (await foreign.client.get("/v1/foreign/nobodys")).status_code == 401


async def test_only_the_first_few_are_tried(foreign):
    key = await key_of(foreign, "sample:write")

    answer = await foreign.client.post("/v1/foreign", content=f"a\nb\nc\n{key}")

    assert (answer.status_code, answer.json()["no"]) == (401, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_what_is_taken_out_may_be_packed_once_more(foreign):
    key = await key_of(foreign, "sample:write")
    content = gzip.compress(b"wrap:" + gzip.compress(key.encode(), mtime=0))

    answer = await foreign.client.post("/v1/foreign", content=content)

    assert answer.json()["body"] == key


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"bad:", 400),
        (b"a" * (LIMIT + 1), 413),
        (gzip.compress(b"a" * (LIMIT + 1), mtime=0), 413),
        (b"wrap:" + gzip.compress(b"a" * (LIMIT + 1), mtime=0), 413),
    ],
)
async def test_refusals_are_in_the_vendors_words(foreign, content, status):
    headers = {"X-Key": await key_of(foreign, "sample:write"), "Origin": PAGE}

    answer = await foreign.client.post("/v1/foreign", content=content, headers=headers)

    assert (answer.status_code, answer.json()["no"]) == (status, status)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]


async def test_a_body_of_too_many_values_is_too_large_which_clients_understand(foreign, monkeypatch):
    monkeypatch.setattr("opsloop_common.http.vendors.CAPTURE_VALUES", 3)
    headers = {"X-Key": await key_of(foreign, "sample:write")}

    answer = await foreign.client.post("/v1/foreign", content=b"[1,2,3,4,5]", headers=headers)

    assert (answer.status_code, answer.json()["why"]) == (413, "The body must not hold more than 3 values.")


async def test_who_may_not_is_told_so_before_the_body_is_read(foreign):
    headers = {"X-Key": await key_of(foreign, "sample:read")}

    assert (await foreign.client.post("/v1/foreign", content=b"bad:", headers=headers)).status_code == 403


async def test_a_page_is_asked_by_itself_what_it_may_send(foreign):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    long = {"Access-Control-Request-Headers": ",".join(["x"] * 600)}
    for given, mirrored in (({"Access-Control-Request-Headers": "x-odd"}, "x-odd"), ({}, None), (long, None)):
        answer = await foreign.client.options("/v1/foreign", headers=asked | given)

        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, PAGE)
        assert answer.headers["access-control-allow-credentials"] == "true"
        allowed = answer.headers["access-control-allow-headers"]
        assert allowed == mirrored if mirrored else "Authorization" in allowed
    deleting = asked | {"Access-Control-Request-Method": "DELETE"}
    assert (await foreign.client.options("/v1/foreign", headers=deleting)).status_code == 405


def test_an_answer_is_json():
    answer = json_response({"a": "值"}, 202, {"X-A": "1"})

    assert (answer.status_code, json.loads(answer.body), answer.headers["x-a"]) == (202, {"a": "值"}, "1")


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("", gzip.compress),
        ("identity", gzip.compress),
        ("zstd", gzip.compress),
        ("GZIP ", gzip.compress),
        ("identity", bytes),
        ("", bytes),
        ("unheard-of", bytes),
    ],
)
async def test_what_a_body_is_says_its_beginning_rather_than_its_name(encoding, pack):
    body = json.dumps({"event": "支付", "n": [1, 2]}).encode()

    assert await unpacked(pack(body), encoding, 1_000) == body


@pytest.mark.parametrize("packed", [gzip.compress(b"x" * 1_001, mtime=0), zlib.compress(b"x" * 100_000)])
async def test_a_body_that_is_larger_unpacked_is_refused(packed):
    with pytest.raises(TooLarge):
        await unpacked(packed, "deflate", 1_000)


async def test_the_contract_tells_that_a_refusal_may_be_in_the_vendors_words(foreign):
    document = (await foreign.client.get("/openapi.json")).json()
    told, own = (
        document["paths"][path]["post"]["responses"]["400"]["$ref"] for path in ("/v1/foreign", "/v1/reminders")
    )
    kinds = {name: set(answer["content"]) for name, answer in document["components"]["responses"].items()}

    assert kinds[told.rpartition("/")[2]] == {"application/json", "application/problem+json"}
    assert kinds[own.rpartition("/")[2]] == {"application/problem+json"}


async def test_a_large_body_is_read_in_turn_and_a_small_one_at_once():
    large = b"[" + b"1," * QUICK_BYTES + b"1]"
    async with turn("greedy"):
        assert await parsed(b"[1]", workspace="acme") == [1]
        reading = asyncio.create_task(parsed(large, workspace="acme"))
        await asyncio.sleep(0)
        assert not reading.done()
    assert len(await reading) == QUICK_BYTES + 1
