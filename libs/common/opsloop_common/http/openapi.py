"""What the route class does to every route, written into the OpenAPI document.

FastAPI knows the endpoints; credentials, error answers and headers are the route class's doing, so they are added here, where a
new route gets them by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from opsloop_common.access.principal import Kind
from opsloop_common.http.problems import MEDIA_TYPE
from opsloop_common.http.routing import ApiRoute

_METHODS = ("get", "post", "put", "patch", "delete")
_ERRORS = {
    # named here: the standard library's phrases differ between Python versions
    400: ("NotJson", "The request is not well-formed HTTP, or its body is not JSON."),
    401: ("Unauthorized", "No credential, or one that is not known."),
    403: ("Forbidden", "The credential lacks the scope."),
    404: ("NotFound", "There is nothing under this id, as far as this credential sees."),
    408: ("TooSlow", "The request, or the rest of its body, did not come in time."),
    409: ("Conflict", "The present state refuses it, or a request with the same Idempotency-Key is still running."),
    410: ("Gone", "It was here, and is not any more."),
    412: ("StaleVersion", "If-Match does not name the present version."),
    413: ("TooLarge", "The body is too large."),
    414: ("TargetTooLong", "The address with its parameters is too long."),
    415: ("UnsupportedMediaType", "The body is not application/json."),
    422: ("Invalid", "The request is malformed; `errors` says where."),
    429: ("TooManyRequests", "This credential asks faster than it may."),
    431: ("HeadTooLarge", "The headers are too large, or too many."),
    503: ("Unavailable", "Something that this needs is not reachable; try again."),
}
_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "Any error, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "A stable name of the kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemField"}},
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Of an illegal state change: the states that are possible now.",
        },
    },
}
_PROBLEM_FIELD = {
    "type": "object",
    "title": "ProblemField",
    "required": ["pointer", "detail"],
    "properties": {
        "pointer": {
            "type": "string",
            "description": "JSON pointer into the body, or `/query/<name>`, `/header/<name>`.",
        },
        "detail": {"type": "string"},
    },
}
_HEADERS = {
    "RequestId": {
        "required": True,
        "description": "Names this request in logs and, as `correlationid`, in events; an incoming one is kept.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
    "Location": {
        "description": "The new resource, relative to the request.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
    "RateLimit": {"description": "What is left now.", "schema": {"type": "string"}},
    "RateLimitPolicy": {"description": "How much may be asked.", "schema": {"type": "string"}},
    "IdempotencyReplayed": {
        "description": "`true` on an answer that was given before to the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a retry safe: for 24 hours the same key and body get the stored answer instead of a second effect.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}


_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret API key (`opl_…`) or a token of the OIDC issuer.",
    },
    "publishable": {
        "type": "http",
        "scheme": "bearer",
        "description": "A publishable API key (`opl_pub_…`), for browsers: it adds within its quotas and reads nothing.",
    },
    "user": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of an end user: a JWT (HS256) of one of the workspace's `/v1/user-secrets`, named by `kid`, "
        "with `sub` and an `exp` at most 24 hours away. It touches only what is that person's.",
    },
}
_SCHEMES = {Kind.PUBLISHABLE: "publishable", Kind.USER: "user"}
_UNTOLD = {"description": "Done. The credential may not read, so it is told no more than the version."}


def describe(document: dict[str, Any], routes: Sequence[BaseRoute], scopes: Sequence[str]) -> dict[str, Any]:
    """Complete FastAPI's document: credentials, error answers, headers, Idempotency-Key, the service's `scopes`."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for generated in ("HTTPValidationError", "ValidationError"):
        schemas.pop(generated, None)
    if "ApiKeyIn" in schemas:
        schemas["ApiKeyIn"]["properties"]["scopes"]["items"]["enum"] = sorted(scopes)
    schemas.update({"Problem": _PROBLEM, "ProblemField": _PROBLEM_FIELD})
    components["schemas"] = dict(sorted(schemas.items()))
    components["headers"] = _HEADERS
    components["securitySchemes"] = _SECURITY
    components["responses"] = {}
    for route, method, operation in _operations(document, routes):
        _complete(route, method, operation, components["responses"])
    components["responses"] = dict(sorted(components["responses"].items()))
    return document


def _operations(
    document: dict[str, Any], routes: Sequence[BaseRoute]
) -> Iterator[tuple[ApiRoute, str, dict[str, Any]]]:
    for context in iter_route_contexts(routes):
        route = context.original_route
        path = document["paths"].get(context.path_format)
        if isinstance(route, ApiRoute) and route.include_in_schema and path is not None:
            for method in context.methods or ():
                if method.lower() in _METHODS:
                    yield route, method.lower(), path[method.lower()]


def _complete(route: ApiRoute, method: str, operation: dict[str, Any], shared: dict[str, Any]) -> None:
    parameters = operation.get("parameters", [])
    answers = operation["responses"]
    if route.guard.scopes is None:
        operation["security"] = []
    else:
        names = ["bearer", *(_SCHEMES[kind] for kind in sorted(route.guard.browsers))]
        operation["security"] = [{name: []} for name in names]
        operation["x-scopes"] = sorted(route.guard.scopes)
        if route.guard.also is not None:
            operation["x-scopes-besides"] = [route.guard.also]
        if route.guard.own is not None:
            operation["x-scopes-own"] = [route.guard.own]
        if method == "post":
            operation["parameters"] = [*parameters, _IDEMPOTENCY_KEY]
    if "requestBody" in operation:
        operation["x-body-limit"] = route.guard.body_limit.bytes
    if _may_be_untold(route, answers):
        answers["204"] = dict(_UNTOLD)
    for status, answer in answers.items():
        if status.startswith("2"):
            answer["headers"] = answer.get("headers", {}) | _success_headers(status, method, parameters)
    for status in sorted(_error_statuses(route, method, operation) | {int(one) for one in answers if one[0] in "45"}):
        name, answer = _ERRORS[status][0], _problem_answer(status)
        if not route.refuses_in_problems:
            name, answer = f"{name}ToVendor", answer | {"content": {"application/json": {}} | answer["content"]}
        shared[name] = answer
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(answers.items()))


def _may_be_untold(route: ApiRoute, answers: dict[str, Any]) -> bool:
    may_write_only = route.guard.also is None and not all(
        scope.endswith((":admin", ":read")) for scope in route.guard.scopes or ()
    )
    return route.guard.told is not None and may_write_only and not {"200", "202"}.isdisjoint(answers)


def _error_statuses(route: ApiRoute, method: str, operation: dict[str, Any]) -> set[int]:
    statuses = {400, 408, 414, 422, 431, 503}
    if route.guard.scopes is not None:
        statuses |= {401, 403, 429}
        if method == "post":
            statuses.add(409)
    if "requestBody" in operation:
        statuses |= {413, 415}
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            statuses.add(404)
        if parameter["name"] == "If-Match":
            statuses.add(412)
    return statuses


def _success_headers(status: str, method: str, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"X-Request-Id": "RequestId"}
    if status == "201":
        names["Location"] = "Location"
    if status == "201" or (
        status in {"200", "204"} and method != "delete" and any(parameter["in"] == "path" for parameter in parameters)
    ):
        names["ETag"] = "ETag"
    if method == "post":
        names["Idempotency-Replayed"] = "IdempotencyReplayed"
    return _references(names)


def _references(names: dict[str, str]) -> dict[str, Any]:
    return {header: {"$ref": f"#/components/headers/{name}"} for header, name in names.items()}


def _problem_answer(status: int) -> dict[str, Any]:
    names = {"X-Request-Id": "RequestId"}
    if status in {409, 429, 503}:
        names["Retry-After"] = "RetryAfter"
    if status == 429:
        names |= {"RateLimit": "RateLimit", "RateLimit-Policy": "RateLimitPolicy"}
    return {
        "description": _ERRORS[status][1],
        "headers": _references(names),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
