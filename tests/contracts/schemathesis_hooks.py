"""What schemathesis does not know how to send by itself: it loads this file."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("message/rfc822", "message/global")
def mail(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Return a mail as it is sent: the bytes that were made up for it."""
    return value if isinstance(value, bytes) else str(value).encode()
