"""Requests with the worst content that each field of a contract can hold, made from the contract, so that new routes are met too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import quote
from uuid import uuid4

MIB = 1024 * 1024
UNBOUNDED_TEXT = 100_000
ROWS_BYTES = MIB
"""Of a list of objects: as many copies of a bad one as this holds; the full 8 MiB of a batch are sent by hand."""
LITERAL = "@literal@"

Schema = Mapping[str, Any]
Steps = tuple[str | int, ...]


@dataclass(frozen=True)
class Bomb:
    """One request: which operation, what is bad about it, and how it is sent."""

    operation: str
    what: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


def marks(count: int) -> str:
    """Return a letter under combining marks of two classes, which a normaliser has to sort."""
    return "a" + "\u0301" * (count // 2) + "\u0316" * (count - 1 - count // 2)


def bombs(document: Schema, ids: Mapping[str, str], examples: Mapping[str, Any]) -> Iterator[Bomb]:
    """Yield the bombs of every operation of an OpenAPI document; GETs first, DELETEs last.

    `ids` fill path parameters; `examples` has a valid body for each operation that takes one: a KeyError names a missing one.
    """
    order = ("get", "post", "put", "patch", "delete")
    for method in order:
        for path, item in document["paths"].items():
            if method in item:
                yield from _Operation(document, method.upper(), path, item[method], ids, examples).bombs()


class _Operation:
    def __init__(
        self,
        document: Schema,
        method: str,
        path: str,
        operation: Schema,
        ids: Mapping[str, str],
        examples: Mapping[str, Any],
    ) -> None:
        self.document, self.method, self.path, self.operation, self.ids = document, method, path, operation, ids
        self.name = f"{method} {path}"
        self.takes_body = "application/json" in operation.get("requestBody", {}).get("content", ())
        self.example = examples[self.name] if self.takes_body else None
        self.limit = operation.get("x-body-limit", MIB)

    def bombs(self) -> Iterator[Bomb]:
        yield from self._addresses()
        yield from self._headers()
        if self.takes_body:
            yield from self._bodies()

    def _bomb(self, what: str, *, path: str | None = None, body: bytes | None = None, **headers: str) -> Bomb:
        if self.takes_body:
            headers = {"Content-Type": "application/json"} | headers
            body = json.dumps(self.example).encode() if body is None else body
        concrete = self.path.format_map(self.ids) if path is None else path
        return Bomb(self.name, what, self.method, concrete, headers, body)

    def _addresses(self) -> Iterator[Bomb]:
        concrete = self.path.format_map(self.ids)
        for parameter in self.operation.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            if place == "path":
                for text in (marks(2_000), "9" * 8_000):
                    path = self.path.format_map({**self.ids, name: quote(text)})
                    yield self._bomb(f"{name}: {text[0]}×{len(text)}", path=path)
            elif place == "query":
                most = min(self._text_bound(parameter["schema"]), 5_000)
                for text in (marks(most), "\ufdfa" * min(most, 3_000), "9" * most, "9" * 30_000, "% _" * (most // 3)):
                    yield self._bomb(f"?{name}: {text[0]}×{len(text)}", path=f"{concrete}?{name}={quote(text)}")
                yield self._bomb(f"?{name} for 50 KB", path=f"{concrete}?{f'{name}=1&' * (50_000 // (len(name) + 3))}")
        yield self._bomb("8,000 unknown parameters", path=f"{concrete}?{'&'.join(f'a{n}' for n in range(8_000))}")

    def _headers(self) -> Iterator[Bomb]:
        tags = ", ".join(f'"{number}"' for number in range(4_000))
        for name in ("If-Match", "Idempotency-Key", "traceparent", "X-Request-Id", "Accept-Language", "Accept"):
            yield self._bomb(f"{name}: 30 KB", **{name: tags[:30_000]})

    def _bodies(self) -> Iterator[Bomb]:
        schema = self.operation["requestBody"]["content"]["application/json"]["schema"]
        for steps, what, value in self._leaves(schema, self.example, ()):
            body = _dumped(_replaced(self.example, steps, value))
            if len(body) <= self.limit:
                yield self._bomb(f"/{'/'.join(map(str, steps))}: {what}", body=body)
        for what, body in _wholes(MIB):
            yield self._bomb(what, body=body)

    def _resolved(self, schema: Schema) -> list[Schema]:
        """Return the branches of a schema."""
        if "$ref" in schema:
            return self._resolved(self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        branches = [each for key in ("anyOf", "oneOf", "allOf") for each in schema.get(key, ())]
        return [found for branch in branches for found in self._resolved(branch)] if branches else [schema]

    def _text_bound(self, schema: Schema) -> int:
        found = [
            each.get("maxLength", UNBOUNDED_TEXT) for each in self._resolved(schema) if each.get("type") == "string"
        ]
        return max(found, default=UNBOUNDED_TEXT)

    def _leaves(
        self, schema: Schema, example: Any, steps: Steps, *, lists: int = 0
    ) -> Iterator[tuple[Steps, str, Any]]:
        """Yield where, what and the value; `lists`: so many it is within."""
        for branch in self._resolved(schema):
            match branch.get("type"):
                case "string":
                    yield from ((steps, what, value) for what, value in _texts(self._text_bound(branch)))
                case "integer" | "number":
                    yield from ((steps, f"number {value[:20]}", f"{LITERAL}{value}") for value in _NUMBERS)
                case "array":
                    yield from self._lists(branch, example, steps, lists)
                case "object" if branch.get("properties"):
                    for name, inner in branch["properties"].items():
                        below = example.get(name) if isinstance(example, dict) else None
                        yield from self._leaves(inner, below, (*steps, name), lists=lists)
                case "boolean" | "null":
                    pass
                case _:
                    yield from ((steps, what, value) for what, value in _documents())

    def _lists(self, branch: Schema, example: Any, steps: Steps, lists: int) -> Iterator[tuple[Steps, str, Any]]:
        most = branch.get("maxItems", 5_000)
        first = example[0] if isinstance(example, list) and example else None
        for count in (most, most + 1):
            yield steps, f"{count} times the same", [first if first is not None else "u"] * min(count, 100_001)
        yield steps, "texts of 200 marks", [marks(200 - number % 7) for number in range(min(most, 2_000))]
        yield steps, "20,000 empty lists", [[]] * 20_000
        yield steps, "40,000 numbers", list(range(40_000))
        if "$ref" not in json.dumps(branch.get("items", {})):
            return
        # lists in lists in lists multiply: within one already, a few stand for the rest
        for inner, what, value in islice(
            self._leaves(branch["items"], first, (), lists=lists + 1), None, None, 7 if lists else 1
        ):
            row = _replaced(first, inner, value)
            size = len(_dumped(row)) + 1
            count = max(1, min(most, ROWS_BYTES // size))
            rows = [row] * count if inner[:1] == ("external_id",) else [_named(row) for _ in range(count)]
            yield steps, f"{count} rows, /{'/'.join(map(str, inner))}: {what}", rows


def _named(row: Any) -> Any:
    return row | {"external_id": f"{uuid4()}"} if isinstance(row, dict) and "external_id" in row else row


def _texts(bound: int) -> Iterator[tuple[str, str]]:
    yield f"{bound} marks", marks(bound)
    yield f"{bound + 1} marks", marks(bound + 1)
    yield "400,000 marks", marks(400_000)
    for name, text in (("digits", "9"), ("U+FDFA", "\ufdfa"), ("astral", "𝒜"), ("placeholders", "{{ event.data.a }}")):
        yield f"{bound} {name}", (text * bound)[:bound]
    for name, text in (("brackets", "[{"), ("dots", "a."), ("spaces", "{{ "), ("Chinese", "没有不支付失败")):
        yield f"{bound} {name}", (text * bound)[:bound]


_NUMBERS = ("1e308", "-1e300", "5e-324", "18446744073709551616", "9" * 5_000, "0." + "1" * 20_000)


def _documents() -> Iterator[tuple[str, Any]]:
    yield "20,000 names", {f"a{number}": number for number in range(20_000)}
    yield "20,000 empty objects", {"a": [{}] * 20_000}
    yield "40,000 numbers", {"a": list(range(40_000))}
    yield "4,000 empty objects", {"a": [{}] * 4_000}
    yield "18,000 numbers", {"a": list(range(18_000))}
    yield "60,000 digits", {"a": "9" * 60_000}
    yield "30 levels of marks", _nested(30, marks(20_000))
    yield "names of marks", {marks(150 + number): 1 for number in range(150)}
    yield "a large double", f"{LITERAL}1e300"


def _nested(levels: int, value: Any) -> Any:
    for _ in range(levels):
        value = {"a": value}
    return value


def _wholes(limit: int) -> Iterator[tuple[str, bytes]]:
    room = limit - 100
    yield "a body of empty lists", b'{"items":[' + b",".join([b"[]"] * (room // 3)) + b"]}"
    yield "a body of empty objects", b'{"items":[' + b",".join([b"{}"] * 24_000) + b"]}"
    yield "a body of numbers", b"[" + b",".join([b"1"] * 49_000) + b"]"
    yield "a body of brackets", b"[" * room
    yield "a body of quotes", b'{"body":"' + b'\\"' * (room // 2) + b'"}'
    yield "20,000 unknown names", json.dumps({f"a{number}": 1 for number in range(20_000)}).encode()
    yield "20,000 names of one", b"{" + b",".join([b'"a":1'] * 20_000) + b"}"
    yield "49,000 NaN", b"[" + b",".join([b"NaN"] * 49_000) + b"]"
    yield "escapes", b'{"body":"' + b"\\ud83d" * (room // 6) + b'"}'
    yield "digits", b'{"rating":' + b"9" * room + b"}"


def _dumped(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    while LITERAL in text:
        before, _, rest = text.partition(f'"{LITERAL}')
        literal, _, after = rest.partition('"')
        text = f"{before}{literal}{after}"
    return text.encode()


def _replaced(example: Any, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    first, *rest = steps
    whole = deepcopy(example) if isinstance(example, dict) else {}
    whole[first] = _replaced(whole.get(first), tuple(rest), value)
    return whole
