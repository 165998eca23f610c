"""An internal event has a stream of its own."""

from opsloop_common.contracts.campaigns import CampaignPaused, MessageRequested
from opsloop_common.contracts.envelope import INTERNAL_STREAM
from opsloop_common.ids import uuid7
from opsloop_common.outbox.append import Events as Events


def test_others_see_no_gap_where_it_was():
    id = uuid7()
    told = MessageRequested(campaign_id=id, message_id=uuid7(), channel="email", user_ids=[], contents=[])

    assert (told.subject(), told.stream()) == (f"campaign/{id}", f"campaign/{id}{INTERNAL_STREAM}")
    assert not CampaignPaused.is_internal
