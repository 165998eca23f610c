"""Pure decisions: schedules, languages, headers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.deliveries.rules import WAITS_SECONDS, next_attempt_at, retry_after, shown_body
from opsloop_notifications.locales.rules import best_locale
from opsloop_notifications.mail.rules import one_line

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@given(tries=st.integers(1, 7), jitter=st.floats(0, 1, exclude_max=True))
def test_attempts_follow_the_pinned_schedule(tries, jitter):
    planned = timedelta(seconds=WAITS_SECONDS[tries - 1])

    assert NOW + planned <= next_attempt_at(tries, NOW, jitter=jitter) <= NOW + planned * 1.2


def test_the_eighth_attempt_is_the_last():
    assert WAITS_SECONDS == (5, 30, 300, 1800, 7200, 18000, 36000)
    assert next_attempt_at(8, NOW, jitter=0) is None


@pytest.mark.parametrize(
    ("asked", "waited"), [(1, 5), (120, 120), (10**9, 24 * 3600)], ids=["shorter", "longer", "capped"]
)
def test_a_longer_wish_counts(asked, waited):
    assert next_attempt_at(1, NOW, jitter=0, wait=timedelta(seconds=asked)) == NOW + timedelta(seconds=waited)


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (429, "Sun, 22 Nov 2026 08:02:00 GMT", 120),
        (503, "Sun, 22 Nov 2026 07:00:00 GMT", 0),
        (500, "120", None),
        (429, "soon", None),
        (429, "-5", None),
        (429, "9" * 400, 10**8),
        (429, None, None),
    ],
)
def test_reads_retry_after(status, value, seconds):
    assert retry_after(status, value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_shown_body_can_be_stored():
    assert shown_body(b"\xff\x00ok", {}) == "\ufffd\ufffdok"
    assert shown_body(b"", {}) is None
    assert len(shown_body(b"x" * 20_000, {})) == 16_384


@pytest.mark.parametrize(
    ("offered", "wanted", "chosen"),
    [
        (["en", "zh-CN"], "zh-CN", "zh-CN"),
        (["en", "zh"], "zh-CN", "zh"),
        (["en", "zh-Hans"], "zh-Hans-CN", "zh-Hans"),
        (["en", "zh-CN"], "zh", "zh-CN"),
        (["en", "zh-CN"], "ZH-cn", "zh-CN"),
        (["en", "de"], "fr", "en"),
        (["de", "en"], None, "de"),
    ],
)
def test_languages(offered, wanted, chosen):
    assert offered[best_locale(offered, wanted)] == chosen


@given(st.text())
def test_a_header_is_one_line(text):
    line = one_line(text)

    assert line.splitlines() in ([], [line])
    assert not any(ord(char) < 32 for char in line)
