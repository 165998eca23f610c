"""The demo from the outside: whose OpsLoop, then the story, and how it ended."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack

import httpx
import typer

from opsloop import data
from opsloop.demo.instance import DidNotStart, Instance, own_instance
from opsloop.demo.mailbox import Mailbox
from opsloop.demo.narrator import Narrator
from opsloop.demo.receiver import Receiver
from opsloop.demo.story import Disappointed, tell
from opsloop.settings import read_settings


def play(url: str | None) -> int:
    """Play the demo and return the exit status: 0 when the loop closed."""
    say = Narrator()
    try:
        asyncio.run(_play(url, say))
    except (DidNotStart, Disappointed, httpx.HTTPError) as failure:
        say(f"The demo stopped: {failure or type(failure).__name__}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _play(url: str | None, say: Narrator) -> None:
    async with AsyncExitStack() as stack:
        mailbox = await stack.enter_async_context(Mailbox().open())
        receiver = await stack.enter_async_context(Receiver().open())
        if url is None:
            say(
                "Starting an OpsLoop of our own: temporary data, a free port, a mailbox and an alerting hook beside it."
            )
            instance = await stack.enter_async_context(own_instance(smtp_url=mailbox.url))
        else:
            instance = Instance(url.rstrip("/"), _known_key())
        say(f"OpsLoop answers at {instance.url}")
        await tell(instance, receiver, mailbox if url is None else None, say)
        say("That was the loop: heard, understood, acted, told. Everything went over the public HTTP APIs.")


def _known_key() -> str:
    """Return the operator's key from the environment or this folder's data directory."""
    if given := os.environ.get("OPSLOOP_BOOTSTRAP_KEY"):
        return given
    kept = read_settings().data_dir / data.OPERATOR_KEY_FILE
    if not kept.exists():
        raise typer.BadParameter(f"give the operator's key in OPSLOOP_BOOTSTRAP_KEY ({kept} is not there)")
    return kept.read_text().strip()
