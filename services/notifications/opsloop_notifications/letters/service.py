"""Write mails to people: who they are from, where they return to, how they are left, and by whom they are signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from opsloop_common.service import Runtime
from opsloop_notifications.consent.rules import Decision, Send
from opsloop_notifications.dkim.service import Signer
from opsloop_notifications.letters import rules
from opsloop_notifications.mail.rules import one_line
from opsloop_notifications.mail.service import Thread, Written, write
from opsloop_notifications.recipients.rules import person_id
from opsloop_notifications.returns import rules as returns
from opsloop_notifications.unsubscribing.rules import Link
from opsloop_notifications.unsubscribing.service import address_of


class Letter(Protocol):
    """What is said to one person, and what was decided about it."""

    @property
    def id(self) -> UUID: ...
    @property
    def workspace(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def locale(self) -> str | None: ...
    @property
    def address(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def body(self) -> str: ...
    @property
    def html(self) -> str | None: ...
    @property
    def thread(self) -> Mapping[str, Any] | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def decision(self) -> Decision: ...


@dataclass(frozen=True)
class Writer:
    """Writes mails from `sender`. `mailbox` gets what comes back, else the sender does; `signer` None: nothing is signed."""

    runtime: Runtime
    sender: str
    mailbox: str | None = None
    signer: Signer | None = None

    def write(self, letter: Letter) -> Written:
        """Return the mail; the same each time, so that a repeat can be recognised by its Message-ID. Raises BadMail."""
        id, workspace, link = letter.id, letter.workspace, self._link(letter)
        body, html = rules.with_way_out(letter.body, letter.html, link, letter.locale)
        sign = partial(self.runtime.secrets.digest, purpose=returns.PURPOSE)
        written = write(
            sender=self.sender,
            recipient=letter.address,
            subject=one_line(letter.subject),
            body=body,
            html=html,
            id=returns.message_id(id, workspace, sign),
            sent_at=letter.created_at,
            unsubscribe=link,
            thread=None if letter.thread is None else Thread(**letter.thread),
            returns_to=None if self.mailbox is None else returns.return_path(self.mailbox, id, workspace, sign),
        )
        return written if self.signer is None else replace(written, content=self.signer.sign(written.content))

    def _link(self, letter: Letter) -> str | None:
        """Return where the person ends the mail's topic; what is critical, and the question about an address, has none."""
        if not (isinstance(letter.decision, Send) and letter.decision.may_leave):
            return None
        link = Link(person_id(letter.workspace, letter.user_id), letter.topic, letter.channel)
        secrets, public_url = self.runtime.secrets, self.runtime.settings.public_url
        return address_of(link, letter.workspace, secrets=secrets, public_url=public_url)
