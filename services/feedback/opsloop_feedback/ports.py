"""What feedback keeps open besides its database, for as long as it runs; reached with `ports_of`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from opsloop_common.db import ports_of, settings_of
from opsloop_common.errors import Unavailable
from opsloop_common.outbound.own_door import policy_from
from opsloop_common.secretbox import SecretBox
from opsloop_common.service import Runtime
from opsloop_feedback.files.service import Files, Scanner, open_bucket, open_folder
from opsloop_feedback.imap.service import Fetcher
from opsloop_feedback.letters.service import LetterReader
from opsloop_feedback.settings import FeedbackSettings


@dataclass(frozen=True)
class FeedbackPorts:
    """The ways out. `files` None: no place for files is configured."""

    secrets: SecretBox
    """Signs links and addresses of conversations, and opens what is sealed."""
    files: Files | None = None
    letters: LetterReader = field(default_factory=LetterReader)
    fetcher: Fetcher | None = None
    """None: nothing is fetched here."""


@asynccontextmanager
async def open_ports(runtime: Runtime) -> AsyncIterator[FeedbackPorts]:
    """Open the ways out for the length of the block."""
    with closing(Fetcher(policy_from(runtime.settings))) as fetcher:
        yield FeedbackPorts(
            files=_files(settings_of(runtime, FeedbackSettings)), fetcher=fetcher, secrets=runtime.secrets
        )


def _files(settings: FeedbackSettings) -> Files | None:
    scanner = Scanner(*settings.clamav_address) if settings.clamav_address else None
    if settings.attachments_bucket is not None:
        return Files(open_bucket(settings.attachments_bucket.get_secret_value()), scanner)
    if settings.attachments_path is not None:
        return Files(open_folder(settings.attachments_path), scanner)
    return None


def require_files(runtime: Runtime) -> Files:
    """Return where files are kept; raises Unavailable (503) where no place is configured."""
    files = ports_of(runtime, FeedbackPorts).files
    if files is None:
        raise Unavailable(
            "No place for files is configured here: OPSLOOP_ATTACHMENTS_PATH, or OPSLOOP_ATTACHMENTS_BUCKET."
        )
    return files
