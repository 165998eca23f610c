"""How a door answers with a picture, or with the numbers beside it."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

SVG, PNG, TABLE = "image/svg+xml", "image/png", "text/csv"
_SHUT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For a picture that is opened by itself: it carries its style and needs nothing else."""


def described(kind: str) -> dict[int | str, dict[str, Any]]:
    """Return what a route says in `responses` of a file of a kind."""
    content = {kind: {"schema": {"type": "string"} | ({"format": "binary"} if kind == PNG else {})}}
    return {200: {"content": content}, 304: {"description": "Not Modified"}}


def kept(request: Request, content: bytes, media_type: str, *, numbers: str, seconds: int) -> Response:
    """Return a file that may be kept so many seconds, or 304 to whoever has it; `numbers` is where the same is as CSV."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "ETag": tag,
        "Cache-Control": f"private, max-age={seconds}",
        "Content-Security-Policy": _SHUT,
        "X-Content-Type-Options": "nosniff",
        "Link": f'<{quote(numbers, safe="/?=&%+.:")}>; rel="alternate"; type="text/csv"',
    }
    if tag in (each.strip() for each in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)
