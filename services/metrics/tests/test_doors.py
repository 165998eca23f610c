"""All vendors' doors are held to the same: whose key it is, how the body is packed, what is hostile, what is sent again."""

import asyncio
import gzip
import json
import tracemalloc
from contextlib import nullcontext
from functools import cache

import pytest

from opsloop_common.http.vendors import zstd
from opsloop_common.limits import CAPTURE_BYTES
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.app import SERVICE
from opsloop_metrics.doors import said_keys
from opsloop_metrics.store.port import StoreUnavailable
from services.metrics.tests.wires import BROWSERS, PACKINGS, WIRES

MIB = 1024 * 1024
PAGE = "https://shop.example"


@pytest.fixture(params=sorted(WIRES))
def wire(request):
    return WIRES[request.param]


async def send(capture, wire, content, key=None, headers=()):
    key = capture.key if key is None else key
    return await capture.post(wire.address(key), content=content, headers=wire.headers(key) | dict(headers))


def assert_refused(wire, answer, status):
    assert answer.status_code == status, answer.text
    assert set(answer.json()) >= wire.refused, answer.text


async def assert_all_taken(capture, wire, subtests, ways):
    for how, packed in ways.items():
        with subtests.test(how=how):
            content, headers = packed(wire.text(capture.key, f"购买 {how}"))

            answer = await send(capture, wire, content, headers=headers)

            assert answer.status_code == wire.status, answer.text
    assert sorted(await capture.stored()) == sorted(f"购买 {how}" for how in ways)


async def test_whatever_a_body_is_packed_in_and_called(capture, wire, subtests):
    await assert_all_taken(capture, wire, subtests, PACKINGS)


@pytest.mark.parametrize("wire", [name for name in sorted(WIRES) if WIRES[name].is_packed], indirect=True)
async def test_whatever_a_page_wraps_it_in(capture, wire, subtests):
    await assert_all_taken(capture, wire, subtests, BROWSERS)


async def test_with_and_without_a_slash(capture, wire):
    for number, path in enumerate((wire.path.rstrip("/"), wire.path.rstrip("/") + "/")):
        address = path + wire.address(capture.key).removeprefix(wire.path)
        answer = await capture.post(
            address, content=wire.text(capture.key, f"e{number}"), headers=wire.headers(capture.key)
        )
        assert answer.status_code == wire.status
    assert sorted(await capture.stored()) == ["e0", "e1"]


async def test_no_key_a_wrong_one_and_one_that_may_not_are_refused(capture, wire):
    reader = await capture.world.api.key("metrics:read")
    for key, status in [("", 401), ("opl_nobodys", 401), (reader["Authorization"].removeprefix("Bearer "), 403)]:
        assert_refused(wire, await send(capture, wire, wire.text(key), key=key), status)
    assert await capture.stored() == []


async def test_a_page_may_send_and_see_the_answer(capture, wire):
    key = await capture.publishable(origin=PAGE)

    answer = await send(capture, wire, wire.text(key), key=key, headers={"Origin": PAGE})

    assert answer.status_code == wire.status, answer.text
    assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    assert await capture.stored() == ["Signed Up"]


async def test_a_page_that_the_key_does_not_list_is_refused_and_sees_why(capture, wire):
    key = await capture.publishable(origin=PAGE)

    answer = await send(capture, wire, wire.text(key), key=key, headers={"Origin": "https://elsewhere.example"})

    assert_refused(wire, answer, 403)
    assert answer.headers["access-control-allow-origin"] == "https://elsewhere.example"
    assert "origin" in answer.text
    assert await capture.stored() == []


async def test_a_page_is_told_before_that_it_may_send_what_its_client_has(capture, wire):
    wanted = "authorization,content-type,x-retry-count,x-umami-cache"
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    for path in (wire.path.rstrip("/"), wire.path.rstrip("/") + "/"):
        answer = await capture.world.send("OPTIONS", path, headers=asked)

        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["access-control-allow-headers"] == wanted
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "Origin" in answer.headers["vary"]


async def test_cookies_open_nothing(capture, wire):
    headers = {"Origin": PAGE, "Cookie": f"key={capture.key}; Authorization=Bearer {capture.key}"}

    assert_refused(wire, await send(capture, wire, wire.text("opl_no"), key="opl_no", headers=headers), 401)


async def test_what_is_sent_again_counts_once(capture, wire):
    body = wire.text(capture.key, id="3b1c6f6e-0d0f-4a53-9b0e-3f8a4a2b9a11")
    for _ in range(3):
        assert (await send(capture, wire, body)).status_code == wire.status

    assert len(await capture.stored()) == (1 if wire.has_message_ids else 3)


OTHER_JSON = [
    ("NaN", (None, "absent")),
    ("-Infinity", (None, "absent")),
    (r'"a\ud800b"', ("a\ufffdb",)),
    (r'"a\u0000b"', ("a\ufffdb",)),
    ("12345678901234567890123", (1.2345678901234568e22, "1.2345678901234568e+22", 12345678901234567890123)),
]


async def test_what_other_writers_of_json_say_costs_no_event(capture, wire, subtests):
    for number, (said, _) in enumerate(OTHER_JSON):
        answer = await send(capture, wire, wire.text(capture.key, f"e{number}", extra=said))
        assert answer.status_code == wire.status, answer.text

    stored = {name: json.loads(properties) for properties, name in await capture.stored("properties, event")}
    for number, (said, kept) in enumerate(OTHER_JSON):
        with subtests.test(said=said):
            assert stored.pop(f"e{number}").get("extra", "absent") in kept
    assert stored == {}


NO_BODIES = [b"", b" ", b"{", b"[]", b"null", b"7", b'"x"', b"\x1f\x8b", b"\x28\xb5\x2f\xfd\x00", b"\xff\xfe{}"]


async def test_what_is_no_body_is_refused_in_the_vendors_words(capture, wire, subtests):
    headers = {"Authorization": f"Bearer {capture.key}"}
    for content in NO_BODIES:
        with subtests.test(content=content):
            answer = await capture.post(wire.address(capture.key), content=content, headers=headers)

            if content == b"[]" and answer.status_code == wire.status:
                continue  # a list of none, which some clients send
            assert_refused(wire, answer, 400)


@cache
def bomb(kind):
    content, headers = PACKINGS[kind](b'{"a":"' + b"a" * (200 * MIB) + b'"}')
    assert len(content) < 250_000
    return content, headers


@pytest.mark.parametrize(
    ("wire", "kind"),
    [(name, "gzip") for name in sorted(WIRES)] + [("posthog", kind) for kind in ("zstd", "deflate", "gzip in a form")],
    indirect=["wire"],
)
async def test_a_bomb_is_refused_without_being_unpacked(capture, wire, kind):
    content, headers = bomb(kind.removesuffix(" in a form"))
    if kind.endswith("form"):
        content, headers = BROWSERS["base64 in a form"](content)
    tracemalloc.start()
    try:
        answer = await capture.post(
            wire.address(capture.key), content=content, headers=headers | {"Authorization": f"Bearer {capture.key}"}
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert_refused(wire, answer, 413)
    assert peak < 2 * CAPTURE_BYTES + 4 * MIB  # zlib's pieces, and the whole that is made of them


async def test_what_is_too_large_is_refused(capture, wire):
    headers = {"Authorization": f"Bearer {capture.key}"}
    for content in (b" " * (CAPTURE_BYTES + 1), b"[" + b"{}," * 300_000 + b"{}]"):
        answer = await capture.post(wire.address(capture.key), content=content, headers=headers)

        assert_refused(wire, answer, 413)


async def test_many_members_of_gzip_are_refused_rather_than_the_first_taken(capture):
    body = gzip.compress(WIRES["segment"].text(capture.key))

    answer = await capture.post("/v1/batch", content=body + body)

    assert answer.status_code == 400
    assert await capture.stored() == []


async def test_a_frame_that_asks_for_much_memory_is_refused(capture):
    wide = zstd.ZstdCompressor(
        options={zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.content_size_flag: 0}
    )
    content = wide.compress(WIRES["segment"].text(capture.key)) + wide.flush()

    assert (await capture.post("/v1/batch", content=content)).status_code == 400


async def test_who_is_too_quick_is_told_when_to_come_again(api, store, monkeypatch, wire):
    monkeypatch.setattr("opsloop_metrics.app.open_store", lambda settings: nullcontext(store))
    service = await api(SERVICE, settings_for_tests(SERVICE.settings, rate_limit_per_second=1, rate_limit_burst=1))
    key = (await service.key("metrics:capture"))["Authorization"].removeprefix("Bearer ")
    body, headers = wire.text(key), wire.headers(key)
    answers = await asyncio.gather(
        *(service.client.post(wire.address(key), content=body, headers=headers) for _ in range(5))
    )

    assert wire.status in {answer.status_code for answer in answers}
    refused = [answer for answer in answers if answer.status_code != wire.status]
    assert refused
    for answer in refused:
        assert_refused(wire, answer, 429)
        assert 1 <= int(answer.headers["retry-after"]) <= 5


async def test_a_pages_quota_ends_until_midnight(capture, wire):
    key = await capture.publishable(origin=PAGE, rows=1)
    headers = {"Origin": PAGE}
    assert (await send(capture, wire, wire.text(key), key=key, headers=headers)).status_code == wire.status

    answer = await send(capture, wire, wire.text(key), key=key, headers=headers)

    assert_refused(wire, answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    assert answer.headers["access-control-allow-origin"] == PAGE


class Full:
    """A store that has no room."""

    async def take(self, entries):
        raise StoreUnavailable("no room", headers={"Retry-After": "3"})


async def test_while_nothing_can_be_stored_nothing_is_taken(capture, wire):
    object.__setattr__(capture.world.api.runtime.ports, "sink", Full())

    answer = await send(capture, wire, wire.text(capture.key))

    assert_refused(wire, answer, 503)
    assert answer.headers["retry-after"] == "3"


async def test_who_was_erased_is_refused_and_named(capture):
    body = WIRES["segment"].body
    await capture.post("/v1/batch", body(capture.key, "Signed Up", "m1"))
    erased = await capture.world.send("DELETE", "/v1/users/u1")
    assert erased.status_code == 202

    two = body(capture.key, "Signed Up", "m2")
    two["batch"].append(two["batch"][0] | {"userId": "u2", "messageId": "m3"})
    answer = await capture.post("/v1/batch", two)

    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(0, "erased")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"token":"a","x":{"token" : "b"}}', ["a", "b"]),
        (b'{"token":7,"token":null,"tokens":"x"}', []),
        (b'{"token":"with blank"}', []),
        (b"", []),
    ],
)
def test_keys_are_found_without_parsing(body, found):
    assert list(said_keys(body, "token")) == found
