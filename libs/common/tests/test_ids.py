"""Ids sort as they were made."""

from itertools import pairwise

from opsloop_common.ids import uuid7


def test_ids_are_version_7_and_rise_also_within_a_millisecond():
    ids = [uuid7() for _ in range(5_000)]

    assert all(id.version == 7 and id.variant == "specified in RFC 4122" for id in ids)
    assert all(earlier < later for earlier, later in pairwise(ids))
