"""What the handing over of mails brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.posting.timers import dispatch_mails

SLICE = Slice("posting", loops=(dispatch_mails,))
