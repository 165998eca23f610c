"""What the rules refuse, as a command says it: the option and why, exit status 2."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from opsloop_common.errors import DomainError


@contextmanager
def as_usage() -> Iterator[None]:
    """Turn a refusal within the block into a usage error, which names the fields."""
    try:
        yield
    except DomainError as refusal:
        told = [": ".join(filter(None, (error.pointer[1:], error.detail))) for error in refusal.errors]
        raise typer.BadParameter("; ".join(told) or refusal.detail) from refusal


def refusable(work: Coroutine[Any, Any, None]) -> None:
    """Run something that the rules may refuse."""
    with as_usage():
        asyncio.run(work)
