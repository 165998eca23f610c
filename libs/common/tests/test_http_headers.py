"""What every answer says to a browser, and what a route may say instead."""

import asyncio
import re
import threading
from dataclasses import replace

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from opsloop_common.http import exposition
from opsloop_common.http.app import create_app
from opsloop_common.http.exposition import Exposition, metrics_routes
from opsloop_common.http.headers import SafeHeaders, page_policy, source_of
from opsloop_common.settings import BadSettings, Settings
from opsloop_common.testing.sample.service import SAMPLE

TOKEN = "a-token-of-prometheus"


async def get(app, path="/", **headers):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path, headers=headers)


def answering(**headers):
    async def page(_):
        return PlainTextResponse("", headers={name.replace("_", "-"): value for name, value in headers.items()})

    return SafeHeaders(Starlette(routes=[Route("/", page)]))


async def test_an_answer_without_any_gets_all():
    for path, status in (("/", 200), ("/nothing", 404)):
        answer = await get(answering(), path)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]


async def test_a_route_keeps_its_own():
    answer = await get(answering(content_security_policy=page_policy(styles=["'self'"]), cache_control="no-cache"))

    assert answer.headers.get_list("cache-control") == ["no-cache"]
    assert answer.headers.get_list("content-security-policy") == [
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; style-src 'self'"
    ]
    assert answer.headers["x-frame-options"] == "DENY"


async def test_what_may_be_framed_is_not_denied():
    answer = await get(answering(content_security_policy="frame-ancestors https://shop.example"))

    assert "x-frame-options" not in answer.headers


async def test_the_docs_run_what_their_policy_names_and_nothing_else(api):
    page = await (await api(SAMPLE)).client.get("/docs")
    policy = page.headers["content-security-policy"]

    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert inline
    for script in inline:
        assert source_of(script) in policy
    assert not re.search(r"<style|\son[a-z]+=|style=", page.text)
    assert "unsafe" not in policy


async def test_docs_can_be_closed(api):
    runtime = (await api(SAMPLE)).runtime
    settings = runtime.settings.model_copy(update={"docs_access": "closed"})
    app = create_app(replace(runtime, settings=settings, registry=CollectorRegistry()))

    for path in ("/docs", "/docs/assets/swagger-ui.css", "/openapi.json"):
        assert (await get(app, path)).status_code == 404, path
    assert (await get(app, "/healthz")).status_code == 200


def counted():
    registry = CollectorRegistry()
    Counter("posts", "Posts.", registry=registry).inc()
    return registry


@pytest.mark.parametrize(
    ("settings", "headers", "status"),
    [
        ({}, {}, 200),
        ({"metrics_access": "closed"}, {}, 404),
        ({"metrics_access": "closed", "metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN}"}, 404),
        ({"metrics_token": TOKEN}, {}, 401),
        ({"metrics_token": TOKEN}, {"Authorization": "Bearer another"}, 401),
        ({"metrics_token": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, 401),
        ({"metrics_token": TOKEN}, {"Authorization": f"Bearer {TOKEN}é".encode("latin-1")}, 401),
        ({"metrics_token": TOKEN}, {"Authorization": f"bearer {TOKEN}"}, 200),
    ],
)
async def test_metrics_are_open_closed_or_for_whoever_has_the_token(settings, headers, status):
    answer = await get(Starlette(routes=metrics_routes(counted(), Settings(**settings))), "/metrics", **headers)

    assert answer.status_code == status
    assert ("posts_total 1.0" in answer.text) is (status == 200)
    assert TOKEN not in answer.text
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


async def test_metrics_are_rendered_off_the_loop_and_once_for_all_who_wait(monkeypatch):
    loop_thread, rendered, go_on = threading.get_ident(), [], threading.Event()

    def slowly(registry):
        rendered.append(threading.get_ident() != loop_thread)
        go_on.wait(5)
        return b"text"

    monkeypatch.setattr(exposition, "generate_latest", slowly)
    shown = Exposition(counted())
    first = asyncio.create_task(shown.text())
    async with asyncio.timeout(10):
        while not rendered:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    rest = [asyncio.create_task(shown.text()) for _ in range(50)]
    await asyncio.sleep(0)
    rest[0].cancel()  # whoever leaves does not take it from the others
    go_on.set()

    assert await first == b"text"
    assert await asyncio.gather(*rest[1:]) == [b"text"] * 49
    assert rendered == [True, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"trusted_proxies": "10.0.0.1/8"},
        {"metrics_token": "short"},
        {"docs_access": "maybe"},
        {"max_connections": 1},
        {"public_url": "https://ops.example:port"},
        {"public_url": "ops.example"},
        {"oidc_issuer": "issuer.example", "oidc_audience": "opsloop"},
    ],
)
def test_a_setting_that_cannot_be_is_refused(wrong):
    with pytest.raises(BadSettings):
        Settings(**wrong)


@pytest.mark.parametrize("half", [{"oidc_issuer": "https://issuer.example"}, {"oidc_audience": "opsloop"}])
def test_an_issuer_and_an_audience_go_together(half):
    with pytest.raises(BadSettings) as refusal:
        Settings(**half)

    assert str(refusal.value) == "OPSLOOP_OIDC_ISSUER and OPSLOOP_OIDC_AUDIENCE: set both or neither"
    assert Settings(oidc_issuer="https://issuer.example", oidc_audience="opsloop").oidc_audience == "opsloop"
