"""What authors bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.authors.models import Author

SLICE = Slice("authors", models=(Author,))
