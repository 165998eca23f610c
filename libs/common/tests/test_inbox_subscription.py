"""Which events go to a consumer: those it names, and with `*` all that others may have."""

import pytest

from opsloop_common.inbox.subscription import Subscription


@pytest.mark.parametrize(
    ("types", "type", "wants"),
    [
        ({"*"}, "kpi.breached", True),
        ({"*"}, "unheard.of", True),
        ({"*"}, "message.requested", False),
        ({"*", "message.requested"}, "message.requested", True),
        ({"kpi.breached"}, "kpi.recovered", False),
    ],
)
def test_everything_means_no_internal_event(types, type, wants):
    assert Subscription("c", frozenset(types), handler=print).wants(type) is wants
