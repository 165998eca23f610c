"""A service is its slices; two of them never declare the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from opsloop_common.due import DueKind
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.service import Slice
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note


async def nothing(*_):
    """Do nothing."""


async def gauges(runtime):
    pass


class Meter:
    """Counts nothing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry


CONSUMER = Subscription("sample.a", frozenset({"*"}), handler=nothing)


@pytest.mark.parametrize(
    ("one", "other", "text"),
    [
        ({}, {"name": "one"}, "sample: the slice one is declared by one and by one"),
        ({"models": (Note,)}, {"models": (Note,)}, "sample: the table note is declared by one and by other"),
        (
            {"subscriptions": (CONSUMER,)},
            {"subscriptions": (replace(CONSUMER, types=frozenset({"kpi.breached"})),)},
            "sample: the consumer sample.a is declared by one and by other",
        ),
        (
            {"due": (DueKind("sample.due", nothing),)},
            {"due": (DueKind("sample.due", nothing, long=True),)},
            "sample: the due kind sample.due is declared by one and by other",
        ),
        ({"meters": (Meter,)}, {"meters": (Meter,)}, "sample: the meter Meter is declared by one and by other"),
        ({"loops": (nothing,)}, {"loops": (nothing,)}, "sample: the loop nothing is declared by one and by other"),
        ({}, {"loops": (gauges,)}, "sample: the loop gauges is declared by every service and by other"),
    ],
)
def test_two_slices_never_declare_the_same(one, other, text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        replace(SAMPLE, slices=(Slice("one", **one), Slice(**{"name": "other"} | other)))


def test_a_service_has_what_its_slices_declare_in_their_order():
    kinds = [DueKind("b", nothing), DueKind("a", nothing)]

    service = replace(SAMPLE, slices=(*SAMPLE.slices, *(Slice(kind.name, due=(kind,)) for kind in kinds)))

    assert service.due == (*SAMPLE.due, *kinds)
    assert service.routers == SAMPLE.routers
