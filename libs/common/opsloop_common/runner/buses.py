"""Which bus the settings name."""

from __future__ import annotations

import structlog

from opsloop_common.bus.local import LocalBus
from opsloop_common.bus.port import Bus
from opsloop_common.runner.build import Misconfigured
from opsloop_common.service import Runtime

log = structlog.get_logger(__name__)


def make_bus(runtime: Runtime) -> Bus:
    """Return the bus of a service that runs in a process of its own."""
    if runtime.settings.bus == "local":
        log.warning("OPSLOOP_BUS=local: this service hears only itself", service=runtime.service.name)
        return LocalBus({runtime.service.name: runtime.db})
    raise Misconfigured("OPSLOOP_BUS=kafka is not there yet")


async def create_topics(runtime_settings: object) -> None:
    """Create the topics of all services."""
