"""Alertmanager's own documents: its webhook, version 4, and what clients post to `/api/v2/alerts`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from opsloop_common.limits import EVENT_BYTES

VERSION = "4"
NEVER = "0001-01-01T00:00:00Z"
"""What Go writes for no time at all."""
ALERTS_OF_A_NOTIFICATION = 100


@dataclass(frozen=True)
class Told:
    """An alert as receivers read it."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    """None while it fires."""
    generator_url: str

    def document(self) -> dict[str, Any]:
        """Return it as it stands in the list."""
        return {
            "status": "firing" if self.ends_at is None else "resolved",
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "startsAt": _as_go_writes(self.starts_at),
            "endsAt": NEVER if self.ends_at is None else _as_go_writes(self.ends_at),
            "generatorURL": self.generator_url,
            "fingerprint": self.fingerprint,
        }


def _as_go_writes(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def group_key(route: str, labels: Mapping[str, str]) -> str:
    """Return what names a group for its receivers."""
    return f"{{}}/{{{route}}}:{{{', '.join(f'{name}={_quoted(labels[name])}' for name in sorted(labels))}}}"


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def notification(
    told: Sequence[Told],
    *,
    key: str,
    receiver: str,
    reason: str,
    group_labels: Mapping[str, str],
    common_labels: Mapping[str, str],
    common_annotations: Mapping[str, str],
    external_url: str,
) -> str:
    """Return the document of version 4; of many alerts the first hundred, and as many as fit into an event's bytes."""
    alerts = [each.document() for each in told[:ALERTS_OF_A_NOTIFICATION]]
    sizes = [len(orjson.dumps(each)) for each in alerts]
    while sum(sizes) > EVENT_BYTES * 3 // 4 and len(alerts) > 1:
        alerts.pop()
        sizes.pop()
    return orjson.dumps(
        {
            "version": VERSION,
            "groupKey": key,
            "truncatedAlerts": len(told) - len(alerts),
            "status": "firing" if any(each.ends_at is None for each in told) else "resolved",
            "receiver": receiver,
            "groupLabels": dict(group_labels),
            "commonLabels": dict(common_labels),
            "commonAnnotations": dict(common_annotations),
            "routeLabels": {},
            "externalURL": external_url,
            "notification_reason": reason,
            "alerts": alerts,
        }
    ).decode()


def sample(now: datetime, *, receiver: str, external_url: str) -> str:
    """Return the document that a test call of an endpoint carries."""
    labels = {"alertname": "WebhookTest", "severity": "info"}
    words = {"summary": "A test of this endpoint. / 这是对该端点的测试。"}
    told = Told("0" * 16, labels, words, now, None, "")
    return notification(
        [told],
        key=group_key("test", {"alertname": "WebhookTest"}),
        receiver=receiver,
        reason="first notification",
        group_labels={"alertname": "WebhookTest"},
        common_labels=labels,
        common_annotations=words,
        external_url=external_url,
    )
