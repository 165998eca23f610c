"""HTTP shapes of status pages."""

from __future__ import annotations

from opsloop_common.http.schemas import OutModel


class StatusLinkOut(OutModel):
    """Where the author of a post sees how far we are, and answers: whoever has the address may. Null without `OPSLOOP_PUBLIC_URL`."""

    url: str | None
