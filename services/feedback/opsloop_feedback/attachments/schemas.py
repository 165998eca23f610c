"""HTTP shapes of attachments."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import OutModel, Timestamp


class AttachmentReceipt(OutModel):
    """What is told of a file to whoever uploaded it: what it is by its content, and what it is called now."""

    id: UUID = Field(
        description="To be named in `attachments` of a post or a message within a day; then it is removed."
    )
    name: str
    media_type: str
    bytes: int
    created_at: Timestamp


class AttachmentOut(OutModel):
    """A file, with links to it that hold for some minutes; both are relative to the address that was asked."""

    id: UUID
    name: str
    media_type: str
    bytes: int
    sha256: str
    feedback_id: UUID | None
    message_id: UUID | None = Field(description="Of the message that names it; null where the post does.")
    created_at: Timestamp
    link: str
    picture_link: str | None = Field(description="To a small picture of it, where there is one.")
    links_expire_at: Timestamp
