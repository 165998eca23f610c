"""100,000 people who come into a segment and leave it are told of in chunks, once each, however often the process is killed."""

from __future__ import annotations

import json

import pytest

from opsloop_metrics.app import SERVICE
from services.metrics.tests import segments_process
from services.metrics.tests.segments_process import PEOPLE

pytestmark = pytest.mark.slow
PLACES = ["metrics.segment_begun:2", "metrics.segment_written:1", "metrics.segment_written:2"]


async def test_each_is_told_of_once_whenever_the_process_dies(databases, tmp_path):
    url = await databases.create(SERVICE)
    try:
        for phase, members in (("enter", PEOPLE), ("leave", 0)):
            for place in PLACES:
                code, printed = await segments_process.run(url, str(tmp_path), phase, place)
                assert code == -9, f"it was to die at {place} and ended with {code}: {printed}"

            code, printed = await segments_process.run(url, str(tmp_path), phase, None)

            assert code == 0
            assert json.loads(printed) == {
                "members": members,
                "told": PEOPLE,
                "once": PEOPLE,
                "chunk": 500,
                "instants": 1,  # the refresh went on with the instant at which it began
            }
    finally:
        await databases.drop(url)
