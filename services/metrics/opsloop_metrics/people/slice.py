"""What persons bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.people import consumers, routes, timers
from opsloop_metrics.people.models import ErasedPerson, GroupProfile, Person, PersonAlias, PersonGroup, PersonMerge

SLICE = Slice(
    "people",
    models=(Person, PersonAlias, PersonMerge, GroupProfile, PersonGroup, ErasedPerson),
    routers=(routes.router,),
    subscriptions=(consumers.ERASURES,),
    due=timers.DUE,
)
