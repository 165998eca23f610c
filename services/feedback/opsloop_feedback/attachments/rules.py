"""Decisions about attachments: what may become of one, and how it is called where it is kept."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID


class State(StrEnum):
    """How far a file is: about to be stored, stored, or about to be removed."""

    ARRIVING = "arriving"
    KEPT = "kept"
    REMOVED = "removed"


class Picture(StrEnum):
    """Whether there is a small picture of a file: none can be made, one is to be made, there is one."""

    NONE = "none"
    DUE = "due"
    MADE = "made"


class Form(StrEnum):
    """What of an attachment is asked for."""

    FILE = "file"
    PICTURE = "picture"


def key_of(workspace: str, attachment_id: UUID, form: Form = Form.FILE) -> str:
    """Return by what name the store keeps a file; a workspace is a slug, so nobody has a say in it."""
    return f"{workspace}/{attachment_id}" + (".small" if form is Form.PICTURE else "")
