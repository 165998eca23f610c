"""Routes that own their request: sign in, check, read, hold the transaction, store the answer, commit, and only then answer.

FastAPI reads a body before it asks who sends it, and a `yield` dependency commits after the answer has gone. So the route class
does these steps itself, in the order that the API promises: 401, 403, 429, 413, 415, 400, 422, then the endpoint's 404, 412, 409.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any, ClassVar

from fastapi import APIRouter, params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from opsloop_common.access.addresses import bearer_token, counted_as
from opsloop_common.access.idempotency import Answer, Replay, keyed_request
from opsloop_common.access.principal import BROWSERS, Principal
from opsloop_common.errors import Forbidden
from opsloop_common.faults import is_unanswered
from opsloop_common.http.address import parameters_of, require_known_address
from opsloop_common.http.body import ReadRequest, read_body
from opsloop_common.http.call import Call, call_of
from opsloop_common.http.guards import (
    Marker,
    allow,
    also_reads,
    body_limit,
    guard_of,
    own_idempotency,
    public,
    publishable,
    tells_own,
    users,
)
from opsloop_common.http.paths import is_addressed, relative_location, service_path
from opsloop_common.http.problems import error_response, problems
from opsloop_common.http.revalidation import unless_known
from opsloop_common.turns import QUICK_BYTES, turn

__all__ = [
    "ApiRoute",
    "ApiRouter",
    "allow",
    "also_reads",
    "body_limit",
    "own_idempotency",
    "problems",
    "public",
    "publishable",
    "tells_own",
    "users",
]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_REPLAYED_HEADERS = ("location", "etag")


class ApiRoute(APIRoute):
    """A route that declares who may use it, and owns the transaction of each request."""

    refuses_in_problems: ClassVar[bool] = True
    """Whether what it refuses is told as RFC 9457 has it; a vendor has words of its own."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        dependencies: Sequence[params.Depends] | None = None,
        operation_id: str | None = None,
        methods: Collection[str] | None = None,
        **options: Any,
    ) -> None:
        markers: list[Marker] = []
        others: list[params.Depends] = []
        for dependency in dependencies or ():
            if isinstance(dependency.dependency, Marker):
                markers.append(dependency.dependency)
            else:
                others.append(dependency)
        self.guard = guard_of(path, endpoint, methods or (), markers)
        super().__init__(
            path,
            endpoint,
            dependencies=others,
            operation_id=operation_id or endpoint.__name__,
            methods=set(methods) if methods else None,
            **options,
        )

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as routes do, but that `%2F` in an id divides nothing."""
        return super().matches(scope) if is_addressed(scope, self.path) else (Match.NONE, {})

    @cached_property
    def parameters(self) -> dict[str, bool]:
        """Return what may stand in the address behind `?`, and whether several times."""
        return parameters_of(self.dependant)

    @property
    def narrowed_by(self) -> list[str]:
        """Return the parameters by which a request asks for less; none where the address has none."""
        return [name for name in self.parameters if name != "cursor"]

    def get_route_handler(self) -> Handler:
        """Wrap FastAPI's own handler (validation, endpoint, serialisation) into the steps around it."""
        endpoint = super().get_route_handler()

        async def handle(request: Request) -> Response:
            call = call_of(request)
            try:
                async with call.under_way():
                    try:
                        return await self._answer(call, request, endpoint)
                    except Exception as error:  # raised again, once those that wait know of it
                        if is_unanswered(error):
                            call.shell.shares.refuse_waiting()
                        raise
            except Exception as error:  # noqa: BLE001 - the one place that turns errors into problem documents
                return self.refusal(call, request, error)

        return handle

    def refusal(self, call: Call, request: Request, error: Exception) -> Response:
        """Return the answer to a request that failed."""
        return error_response(error, request.scope, request_id=call.request_id)

    async def _answer(self, call: Call, request: Request, endpoint: Handler) -> Response:
        await self._admit(call, request)
        read = await self._read(call, request)
        require_known_address(request, self.parameters)  # 422, after what the body may be answered: 413, 415, 400
        await self._admit_again(call, request, read)
        try:
            await self._key(call, request, read)
            if call.principal is not None and not self.guard.own_idempotency:
                await call.enter()
            stored = await self._claim(call)
            if stored is not None:
                raise Replay(stored)
            response = await endpoint(read or request)
        except Replay as replay:
            return _replayed(replay.answer)
        if response.status_code >= 400:
            return response
        if response.status_code != 201 and not self.guard.is_told(call):
            response = _untold(response)
        _make_location_relative(response, request)
        if call.keyed is not None:
            await call.store(_answer_of(response))
        await call.commit()
        return unless_known(response, request)

    async def _admit(self, call: Call, request: Request) -> None:
        if self.guard.scopes is None:
            return
        if self.guard.browsers:
            # until it is known who asks, any page may see why it is refused: most often its user's token has expired
            call.origin = request.headers.get("origin")
        await self.admit(call, request, self.credential(request))

    def credential(self, request: Request) -> str | None:
        """Return the token that a request came with, None where it has none."""
        return bearer_token(request.headers.get("authorization"))

    async def admit(self, call: Call, request: Request, token: str | None) -> None:
        """Sign a token in and let it go on; raises Unauthorized (401), Forbidden (403), TooManyRequests (429)."""
        authenticator = call.shell.authenticator
        call.signed_in = authenticator.moment()
        principal = call.principal = await authenticator.read(token, _address(request))
        self.guard.require(principal)
        call.origin = _origin(principal, request) if principal.kind in BROWSERS else None
        call.rate = call.shell.limiter.take(principal)

    async def _admit_again(self, call: Call, request: Request, read: ReadRequest | None) -> None:
        """Act for nobody whose credential ended while the body came, and let a publishable key add within its quotas."""
        if call.principal is None:
            return
        authenticator = call.shell.authenticator
        if call.signed_in is not None and authenticator.may_have_ended(call.signed_in):
            call.principal = await authenticator.read(self.credential(request), _address(request))
        if call.principal.publishable is not None:
            size = len(read.raw) if read is not None else 0
            await call.shell.spender.spend(call.principal, rows=1, bytes=size)

    async def _read(self, call: Call, request: Request) -> ReadRequest | None:
        if self.body_field is None:
            return None
        workspace = call.principal.workspace if call.principal is not None else ""
        required = self.body_field.field_info.is_required()
        return await read_body(request, self.guard.body_limit, required=required, workspace=workspace)

    async def _key(self, call: Call, request: Request, read: ReadRequest | None) -> None:
        if request.method != "POST" or self.guard.scopes is None:
            return
        key = request.headers.get("idempotency-key")
        if key is None:
            return
        async with turn(call.who.workspace) if read and len(read.raw) > QUICK_BYTES else nullcontext():
            call.keyed = keyed_request(
                key,
                credential=call.who.credential,
                method=request.method,
                path=service_path(request.scope),
                body=read.value if read else None,
                secrets=call.shell.runtime.secrets,
            )

    async def _claim(self, call: Call) -> Answer | None:
        if call.keyed is None or self.guard.own_idempotency:
            return None
        return await call.claim(call.keyed)


class ApiRouter(APIRouter):
    """A router whose routes all are ApiRoutes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=ApiRoute, **options)


def _address(request: Request) -> str:
    return counted_as(request.client.host) if request.client is not None else ""


def _origin(who: Principal, request: Request) -> str | None:
    """Return the origin that may see the answer; raises Forbidden (403) for one that a publishable key does not list.

    Without an Origin it is no page of somebody else's: an app, a server, a command line. Those may use the key within its quotas.
    A token of an end user is bound to no origin: it is sent by whoever holds it, never by a browser of itself.
    """
    origin = request.headers.get("origin")
    if origin is not None and who.publishable is not None and origin not in who.publishable.origins:
        raise Forbidden("This key does not list the origin that the request comes from.")
    return origin


def _make_location_relative(response: Response, request: Request) -> None:
    location = response.headers.get("location")
    if location is not None and location.startswith("/"):
        response.headers["location"] = relative_location(location, request.scope)


def _untold(response: Response) -> Response:
    """Return what a change tells a credential that may not read: that it is done, and of which version that made it."""
    headers = {name: response.headers[name] for name in _REPLAYED_HEADERS if name in response.headers}
    return Response(None, 204, headers)


def _answer_of(response: Response) -> Answer:
    headers = {name: response.headers[name] for name in _REPLAYED_HEADERS if name in response.headers}
    return Answer(response.status_code, headers, bytes(response.body))


def _replayed(answer: Answer) -> Response:
    media_type = "application/json" if answer.body else None
    return Response(answer.body, answer.status, answer.headers | {"Idempotency-Replayed": "true"}, media_type)
