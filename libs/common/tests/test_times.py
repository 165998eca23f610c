"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.clock import rfc3339
from opsloop_common.times import moment_in, time_for_people

MOMENT = datetime(2026, 7, 1, 20, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("locale", "zone", "written"),
    [
        ("en-GB", "Europe/London", "1 Jul 2026, 21:05:00 (GMT+01:00)"),
        ("en", "UTC", "Jul 1, 2026, 8:05:00\u202fPM (UTC)"),
        ("zh-CN", "Asia/Shanghai", "2026年7月2日 04:05:00 (GMT+08:00)"),
        ("zh-Hant-TW", "Asia/Taipei", "2026年7月2日 凌晨4:05:00 (GMT+08:00)"),
        ("ja", "Asia/Tokyo", "2026/07/02 5:05:00 (GMT+09:00)"),
        ("de", "Asia/Kathmandu", "02.07.2026, 01:50:00 (GMT+05:45)"),
        ("xx-nowhere", "UTC", "Jul 1, 2026, 8:05:00\u202fPM (UTC)"),
    ],
)
def test_times_are_written_for_people(locale, zone, written):
    assert time_for_people(MOMENT, locale, zone) == written


@pytest.mark.parametrize(
    ("text", "is_time"),
    [
        ("2026-11-26T14:40:20.269724Z", True),
        ("2026-11-26T14:40:20Z", True),
        ("2026-11-26T14:40:20+08:00", True),
        ("2026-11-26T14:40:20", False),
        ("2026-11-26", False),
        ("2026-13-26T14:40:20Z", False),
        ("at 2026-11-26T14:40:20Z", False),
        ("２０２６-11-26T14:40:20Z", False),
        ("", False),
    ],
)
def test_a_time_is_a_whole_rfc_3339_text(text, is_time):
    assert (moment_in(text) is not None) is is_time


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from(["UTC", "Asia/Shanghai", "America/New_York"]))
def test_every_moment_can_be_written(moment, zone):
    assert time_for_people(moment, "en", zone)
    assert moment_in(rfc3339(moment)) is not None
