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
from opsloop.demo.shop import OPERATORS_WORKSPACE, Disappointed, fresh_workspace, signed_in
from opsloop.demo.story import tell
from opsloop.settings import read_settings


def play(url: str | None, *, keep: bool = False) -> int:
    """Play the demo and return the exit status: 0 when the loop closed.

    What it started or made is gone afterwards, as far as it can be, unless `keep`.
    """
    say = Narrator()
    try:
        asyncio.run(_play(url, say, keep=keep))
    except (DidNotStart, Disappointed, httpx.HTTPError) as failure:
        say(f"The demo stopped: {failure or type(failure).__name__}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


async def _play(url: str | None, say: Narrator, *, keep: bool) -> None:
    async with AsyncExitStack() as stack:
        # one that runs on would hold its mail for a mailbox that is gone
        mailbox = None if url is not None or keep else await stack.enter_async_context(Mailbox().open())
        receiver = await stack.enter_async_context(Receiver().open())
        if url is None:
            beside = "a mailbox and an alerting hook" if mailbox else "an alerting hook"
            say(f"Starting an OpsLoop of our own: temporary data, a free port, {beside} beside it.")
            smtp_url = mailbox.url if mailbox else None
            instance = await stack.enter_async_context(own_instance(smtp_url=smtp_url, keep=keep))
        else:
            instance = Instance(url.rstrip("/"), _known_key())
        say(f"OpsLoop answers at {instance.url}")
        # the operator's key sees its own workspace: that is where a story is left to look at
        workspace = OPERATORS_WORKSPACE if url is None and keep else fresh_workspace()
        is_guest = url is not None and not keep
        async with signed_in(instance, workspace, is_guest=is_guest) as shop:
            await tell(shop, receiver, mailbox, say)
        say("That was the loop: heard, understood, acted, told. Everything went over the public HTTP APIs.")
        if is_guest:
            say.more(
                f"tidied up: the posts, the app's events and the record of what happened stay in {workspace}, all else is gone"
            )
        if url is None and keep:
            _tell_where(instance, say)


def _tell_where(instance: Instance, say: Narrator) -> None:
    say.more("kept running, without the alerting hook:")
    say.more(f"address  {instance.url}")
    say.more(f"key      {instance.key}")
    say.more(f"data     {instance.folder}")
    say.more(f"stop     kill {instance.pid}")


def _known_key() -> str:
    """Return the operator's key from the environment or this folder's data directory."""
    if given := os.environ.get("OPSLOOP_BOOTSTRAP_KEY"):
        return given
    kept = read_settings().data_dir / data.OPERATOR_KEY_FILE
    if not kept.exists():
        raise typer.BadParameter(f"give the operator's key in OPSLOOP_BOOTSTRAP_KEY ({kept} is not there)")
    return kept.read_text().strip()
