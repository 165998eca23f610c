"""What the service counts of its mails."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from opsloop_common.contracts.notifications import FailureReason

OUTCOMES = ("sent", "gathered", "delayed", "deferred", "held", *get_args(FailureReason))


class MailMeter:
    """What became of mails: `sent`, `gathered` (into a digest), `delayed` (each try that is to be repeated), `deferred` (the person is
    left alone now), `held` (it waits, untried, for the server to take mail from us at all), or why it failed for good."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._mails = Counter("opsloop_mails", "Mails and tries of them, by outcome", ["outcome"], registry=registry)
        self._held = Gauge(
            "opsloop_mails_held", "1 while the mail server takes no mail from us, whoever it is for", registry=registry
        )
        self._by_server = Counter(
            "opsloop_mail_server_mails", "Mails that a mail server took", ["server"], registry=registry
        )
        self._server_held = Gauge(
            "opsloop_mail_server_held", "1 while a mail server takes no mail from us", ["server"], registry=registry
        )
        self._by_outcome = {outcome: self._mails.labels(outcome) for outcome in OUTCOMES}

    def count(self, outcome: str) -> None:
        """Count one outcome."""
        self._by_outcome[outcome].inc()

    def count_server(self, server: str) -> None:
        """Count a mail that a server took."""
        self._by_server.labels(server).inc()

    def show_server(self, server: str, is_held: bool) -> None:
        """Show whether mail waits for one server, or goes by another."""
        self._server_held.labels(server).set(is_held)

    def show_held(self, is_held: bool) -> None:
        """Show whether mail waits."""
        self._held.set(is_held)
