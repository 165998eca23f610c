"""What stands in the address of a request: bounded, storable and known, or refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from starlette.requests import Request

from opsloop_common.errors import FieldError, Invalid, NotFound
from opsloop_common.http.strict_json import escape
from opsloop_common.known_names import hint
from opsloop_common.limits import ERRORS_SHOWN, QUERY_BYTES, QUERY_PARAMETERS

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def parameters_of(dependant: Dependant) -> dict[str, bool]:
    """Return the names of a route's parameters behind `?`, and whether each may stand there several times."""
    found = (each for each in get_flat_params(dependant) if isinstance(each.field_info, params.Query))
    return {each.alias: _is_list(each.field_info.annotation) for each in found}


def _is_list(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def require_known_address(request: Request, parameters: Mapping[str, bool]) -> None:
    """Go on only when what stands behind `?` is bounded, storable and known; raises Invalid (422).

    NotFound for a control character in the path.

    A filter that is misspelt would otherwise show everything, and of one that is given twice one value would hold, unsaid.
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
    if not query:
        return
    counts = Counter(name for name, _ in request.query_params.multi_items())
    wrong = {name: f"This parameter is not known here{hint(name, parameters)}" for name in counts.keys() - parameters}
    wrong = wrong or {
        name: "must be given once" for name, count in counts.items() if count > 1 and not parameters[name]
    }
    if wrong:
        raise Invalid.each(
            FieldError(f"/query/{escape(name)}", detail) for name, detail in sorted(wrong.items())[:ERRORS_SHOWN]
        )
