"""What mail brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.mail.meters import MailMeter

SLICE = Slice("mail", meters=(MailMeter,))
