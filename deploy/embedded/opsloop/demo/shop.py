"""The small app's own clients: signed in to a workspace for the story, and what they made taken away again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from opsloop.demo.instance import Instance

SERVICES = ("feedback", "metrics", "campaigns", "notifications")
OPERATORS_WORKSPACE = "default"
SWEPT = (  # playbooks first, so that nothing is launched any more
    ("campaigns", "/v1/playbooks", "id"),
    ("metrics", "/v1/objectives", "id"),
    ("metrics", "/v1/kpis", "key"),
    ("metrics", "/v1/insights", "id"),
    ("metrics", "/v1/segments", "id"),
    ("notifications", "/v1/webhooks", "id"),
    ("notifications", "/v1/recipients", "user_id"),
)
PATIENCE_SECONDS = 45.0
T = TypeVar("T")
FURTHER = {"running": ("cancelled", "archived"), "finished": ("archived",), "cancelled": ("archived",)}


class Disappointed(Exception):
    """Something that should have happened did not; the text says what."""


class Shop:
    """The small app's clients, one per service, and the workspace that they are signed in to."""

    def __init__(self, clients: dict[str, httpx.AsyncClient], workspace: str) -> None:
        self.feedback, self.metrics, self.campaigns, self.notifications = (clients[name] for name in SERVICES)
        self.workspace = workspace


def fresh_workspace() -> str:
    """Return the name of a workspace that nobody used before."""
    return f"demo-{secrets.token_hex(3)}"


@asynccontextmanager
async def signed_in(instance: Instance, workspace: str, *, is_guest: bool) -> AsyncIterator[Shop]:
    """Make a key per service in `workspace`, as the operator, and sign in with them; a guest tidies up afterwards."""
    operators = {name: _client(f"{instance.url}/api/{name}", instance.key) for name in SERVICES}
    clients: dict[str, httpx.AsyncClient] = {}
    try:
        for name, operator in operators.items():
            scopes = [f"{name}:read", f"{name}:write", f"{name}:admin"]
            made = await send(
                operator, "POST", "/v1/api-keys", {"name": "demo", "workspace": workspace, "scopes": scopes}
            )
            clients[name] = _client(f"{instance.url}/api/{name}", made["key"])
        yield Shop(clients, workspace)
    finally:
        try:
            if is_guest:
                await tidy_up(operators, clients, workspace)
        finally:
            for client in (*operators.values(), *clients.values()):
                await client.aclose()


async def tidy_up(
    operators: dict[str, httpx.AsyncClient], clients: dict[str, httpx.AsyncClient], workspace: str
) -> None:
    """Delete what can be deleted of a workspace that nobody else uses, archive its campaigns and revoke its keys."""
    for service, path, id in SWEPT:
        if service in clients:
            for item in await _all(clients[service], path):
                await send(clients[service], "DELETE", f"{path}/{quote(item[id], safe='')}")
    if "campaigns" in clients:
        for item in await _all(clients["campaigns"], "/v1/campaigns"):
            for status in FURTHER.get(item["status"], ()):
                await send(clients["campaigns"], "PUT", f"/v1/campaigns/{item['id']}/status", {"status": status})
    for operator in operators.values():
        for key in await _all(operator, f"/v1/api-keys?workspace={workspace}"):
            await send(operator, "DELETE", f"/v1/api-keys/{key['id']}")


async def _all(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await send(client, "GET", path))["items"]  # a story makes less than a page of each
    return items


def _client(base: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=30.0, trust_env=False)


async def send(client: httpx.AsyncClient, method: str, path: str, body: object | None = None) -> dict[str, Any]:
    """Send a request and return the answer, {} for none; raises Disappointed with the problem when it was refused."""
    answer = await client.request(method, path, json=body)
    if answer.is_error:
        raise Disappointed(f"{method} {answer.request.url} answered {answer.status_code}: {answer.text[:500]}")
    document: dict[str, Any] = answer.json() if answer.content else {}
    return document


async def until(probe: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first answer of `probe` that is not None; raises Disappointed after a while."""
    try:
        async with asyncio.timeout(seconds):
            while (answer := await probe()) is None:  # noqa: ASYNC110 what is asked lies behind HTTP
                await asyncio.sleep(0.1)
            return answer
    except TimeoutError:
        raise Disappointed(f"{what}: not within {seconds:.0f} s") from None
