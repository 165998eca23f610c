"""Names in the environment that look like settings and are none: told at the start, with the nearest, and passed over.

They are not refused: one environment serves releases before and after this one, and several services of which each reads its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from opsloop_common.known_names import NAME_CHARACTERS, nearest
from opsloop_common.settings import Settings

PREFIX = "OPSLOOP_"
OF_OTHERS = frozenset(
    {
        *("DATA_DIR", "POSTGRES_USER", "CLAMAV_URL", "ATTACHMENTS_BUCKET", "ATTACHMENTS_BYTES", "ATTACHMENTS_PATH"),
        *("CAUSE_CAMPAIGNS_PER_HOUR", "CAUSE_MESSAGES_PER_HOUR", "PLAYBOOK_LAUNCHES_PER_HOUR"),
        *("WORKSPACE_LAUNCHES_PER_HOUR", "WORKSPACE_MESSAGES_PER_HOUR"),
        *("CLICKHOUSE_URL", "EVENTS_PATH", "GEOIP_DATABASE"),
        *("DOMAIN_EVENT_RETENTION_DAYS", "EVENT_RETENTION_DAYS", "MAIL_FROM", "MAIL_RETURN"),
        *("DKIM_DOMAIN", "DKIM_KEYS", "REPLY_DOMAIN"),
    }
)
"""What single services and the one process read, which a service alone cannot know by its own class; a test holds the two together."""
OF_TESTS = frozenset({"FAILPOINT", "KEEP", "SOAK_SEED", "TEST_RUN", "TEST_RUN_QUICK"})
_OF_DATABASES = ("URL", "DIRECT_URL", "PASSWORD")  # the last is compose's


def unknown_settings(
    environ: Mapping[str, str], settings: type[Settings], *, services: tuple[str, ...]
) -> Iterator[str]:
    """Yield a line for each name that begins as a setting and is none that `settings` or another part of OpsLoop reads.

    Values are never told.
    """
    known = {f"{PREFIX}{name.upper()}" for name in {*settings.model_fields, *OF_OTHERS}}
    passed = {f"{PREFIX}{name}" for name in OF_TESTS}
    for name in sorted(environ):
        if (
            name.upper().startswith(PREFIX) and name.upper() not in known | passed
        ):  # capitals and small letters read alike
            yield _told(name, known, PREFIX)
    for beginning in (f"{service.upper()}_DATABASE_" for service in services):
        urls = [f"{beginning}{end}" for end in _OF_DATABASES]
        for name in sorted(environ.keys() - set(urls)):
            if name.startswith(beginning):
                yield _told(name, urls, beginning)


def _told(name: str, known: Collection[str], prefix: str) -> str:
    # what all begin with says nothing of which is meant: OPSLOOP_X is not near OPSLOOP_PORT
    near = nearest(name[len(prefix) :], [each.removeprefix(prefix) for each in known])
    return f"{name[:NAME_CHARACTERS]} is no setting" + (f"; did you mean {prefix}{near}?" if near else "")
