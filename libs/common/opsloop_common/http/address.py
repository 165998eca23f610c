"""What stands in the address of a request: bounded, storable and known, or refused."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import parse_qsl

from starlette.requests import Request

from opsloop_common.errors import FieldError, Invalid, NotFound
from opsloop_common.http.strict_json import escape
from opsloop_common.known_names import hint
from opsloop_common.limits import ERRORS_SHOWN, QUERY_BYTES, QUERY_PARAMETERS

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def require_known_address(request: Request, parameters: Collection[str]) -> None:
    """Go on only when what stands behind `?` is bounded, storable and known; raises Invalid (422).

    NotFound for a control character in the path.

    A filter that is misspelt would otherwise show everything.
    """
    query = request.scope["query_string"]
    if len(query) > QUERY_BYTES or query.count(b"&") >= QUERY_PARAMETERS:
        raise Invalid("/query", f"must not have more than {QUERY_PARAMETERS} parameters or {QUERY_BYTES} bytes")
    # PostgreSQL text holds no NUL: as an id it names nothing, as a filter it is malformed
    if b"%00" in request.scope["query_string"]:
        for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
            if "\0" in name or "\0" in value:
                raise Invalid(f"/query/{name}".replace("\0", ""), "must not contain NUL")
    # no id holds a control character, and the pattern of a route would lose a newline at the end
    if _CONTROL.search(request.scope["path"]):
        raise NotFound("There is nothing under this id.")
    unknown = request.query_params.keys() - set(parameters) if query else ()
    if unknown:
        raise Invalid.each(
            FieldError(f"/query/{escape(name)}", f"This parameter is not known here{hint(name, parameters)}")
            for name in sorted(unknown)[:ERRORS_SHOWN]
        )
