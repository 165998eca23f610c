"""What the service counts of the people in campaigns."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter

from opsloop_campaigns.recipients.rules import OPEN, RecipientOutcome


class RecipientMeter:
    """Outcomes of recipients; one that failed and was sent after all counts as both."""

    def __init__(self, registry: CollectorRegistry) -> None:
        recipients = Counter(
            "opsloop_campaign_recipients", "Recipients of campaigns, by outcome", ["outcome"], registry=registry
        )
        self._by_outcome = {
            outcome.value: recipients.labels(outcome.value) for outcome in RecipientOutcome if outcome not in OPEN
        }

    def count(self, outcomes: Mapping[str, int]) -> None:
        """Count so many recipients of each outcome."""
        for outcome, number in outcomes.items():
            self._by_outcome[outcome].inc(number)
