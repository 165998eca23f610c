"""How long what happened is kept."""

import pytest

from opsloop_common.settings import BadSettings
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.settings import NotificationsSettings


@pytest.mark.parametrize("days", [1, 14])
def test_it_is_longer_than_the_bus_keeps_events(days):
    with pytest.raises(BadSettings, match="EVENT_RETENTION_DAYS"):
        settings_for_tests(NotificationsSettings, event_retention_days=days)


def test_it_is_thirty_days_or_what_is_set():
    assert settings_for_tests(NotificationsSettings).event_retention_days == 30
    assert settings_for_tests(NotificationsSettings, event_retention_days=60).event_retention_days == 60
