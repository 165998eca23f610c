"""Which bus the settings name."""

from __future__ import annotations

import structlog

from opsloop_common.bus.kafka import KafkaBus
from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.port import Bus
from opsloop_common.service import Runtime

log = structlog.get_logger(__name__)


def make_bus(runtime: Runtime) -> Bus:
    """Return the bus of a service that runs in a process of its own."""
    if runtime.settings.bus == "local":
        log.warning("OPSLOOP_BUS=local: this service hears only itself", service=runtime.service.name)
        return LocalBus({runtime.service.name: runtime.db})
    return KafkaBus(runtime.settings, runtime.service)
