"""What the service shows of its incidents."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

SEVERITIES = ("info", "warning", "critical")


class IncidentMeter:
    """Incidents that are open."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(
            "opsloop_open_incidents", "Incidents open, over all workspaces", ["severity"], registry=registry
        )
        self.show({})

    def show(self, open_by_severity: Mapping[str, int]) -> None:
        """Show how many incidents of each severity are open."""
        for severity in SEVERITIES:
            self._open.labels(severity).set(open_by_severity.get(severity, 0))
