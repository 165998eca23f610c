"""Who has what a GET would show is told so, and is not sent it again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.versions import is_known


def unless_known(response: Response, request: Request) -> Response:
    """Answer 304 to whoever names the tag that the answer to a GET carries: single resources and some lists have one."""
    asked, tag = request.headers.get("if-none-match"), response.headers.get("etag")
    if asked is None or tag is None or request.method != "GET" or response.status_code != 200:
        return response
    return Response(None, 304, {"ETag": tag}) if is_known(tag, asked) else response
