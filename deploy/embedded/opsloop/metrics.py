"""One Prometheus page for four services: each sample gets a `service` label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector


class MergedRegistries(Collector):
    """Collects several registries as one; families of one name become one family."""

    def __init__(self, registries: Mapping[str, CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterable[Metric]:
        """Yield each family once, its samples labelled with the service they come from."""
        families: dict[str, Metric] = {}
        for service, registry in self._registries.items():
            for family in registry.collect():
                merged = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                merged.samples += [
                    sample._replace(labels={"service": service} | sample.labels)
                    for sample in family.samples
                    if not sample.name.endswith("_created")  # a second series per series, which nobody reads
                ]
        return families.values()
