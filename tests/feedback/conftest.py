"""What the service's own tests have: a desk by a clock that the test turns, and desks with files and mail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.conftest import china, clockwork, desk
from services.feedback.tests.test_attachments import Files
from services.feedback.tests.test_files_scanning import clamd
from services.feedback.tests.test_mail_in import desk_by_mail

__all__ = ["china", "clockwork", "desk", "desk_by_mail", "talk"]


@pytest_asyncio.fixture
async def talk(api: MakeApi, tmp_path: Path) -> AsyncIterator[Files]:
    """A desk with a place for files, a scanner of viruses, a page for authors and mail that comes back."""
    async with clamd() as port:
        settings = settings_for_tests(
            FeedbackSettings,
            attachments_path=tmp_path / "files",
            clamav_url=f"tcp://127.0.0.1:{port}",
            public_url="https://ops.example.test",
            reply_domain="mail.example.test",
        )
        door = await api(SERVICE, settings)
        desk = Files(door, await door.key("feedback:read", "feedback:write", "feedback:admin"))
        desk.folder = tmp_path / "files"
        yield desk
