"""What the route class does to every route, written into the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute


def describe(document: dict[str, Any], routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """Complete FastAPI's document."""
    return document
