"""Use cases of endpoints: create, change, rotate, test, and stop calling what is gone."""

from __future__ import annotations

import secrets as random_secrets
from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, outbox, resources, workspaces
from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.notifications import WebhookDisabled
from opsloop_common.db import Context, acting_for, clock_of, context_of
from opsloop_common.documents import read_document, write_document
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_common.outbound.rules import AddressPolicy
from opsloop_common.resources import changing, touch
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.bindings.rules import require_bound
from opsloop_notifications.deliveries import service as deliveries
from opsloop_notifications.endpoints import queries, rules
from opsloop_notifications.endpoints.consenting import ask_after_change, ask_for_consent
from opsloop_notifications.endpoints.consenting import note_consent as note_consent
from opsloop_notifications.endpoints.models import Webhook as Webhook
from opsloop_notifications.endpoints.queries import KnownListeners as KnownListeners
from opsloop_notifications.endpoints.rules import About as About
from opsloop_notifications.endpoints.rules import Listener, Signature, WebhookStatus
from opsloop_notifications.endpoints.rules import Receiver as Receiver
from opsloop_notifications.faring.rules import (
    Exhausted,
    Failures,
    begins_to_fail,
    has_failed_too_long,
    told_of_exhausted,
    told_of_failing,
)
from opsloop_notifications.formats.rules import CLOUDEVENTS, language_for
from opsloop_notifications.headers.rules import with_changes
from opsloop_notifications.payloads import service as payloads
from opsloop_notifications.payloads.rules import Faulty
from opsloop_notifications.signing.rules import (
    BadSecret,
    new_signing_key,
    public_key_of,
    read_secret,
    written_secret,
    written_signing_key,
)

_NEW_SECRET_BYTES = 32
UNCHANGED_SQL = queries.UNCHANGED_SQL
SECRET_PURPOSE = "webhook secret"  # noqa: S105 a name, no password
HEADERS_PURPOSE = "webhook headers"
BOT_SECRET_PURPOSE = "secret of a bot"  # noqa: S105 a name, no password
_FORGET_DELETED = text(
    "DELETE FROM webhook AS w WHERE w.workspace = :workspace AND w.status = 'deleted' AND w.updated_at < :before "
    "AND NOT EXISTS (SELECT FROM delivery AS d WHERE d.webhook_id = w.id) RETURNING w.id"
)


async def create_webhook(
    session: AsyncSession,
    fields: Mapping[str, Any],
    *,
    source: str | None = None,
    secret: str | None,
    policy: AddressPolicy,
    secrets: SecretBox,
) -> tuple[Webhook, str | None]:
    """Add an endpoint, perhaps bound to a source; returns it with the shared secret, if it has one, which is never shown again.

    Raises Invalid (422), TooMany.
    """
    about = rules.about_of(fields["format"], fields["about"])
    rules.require_filter(fields["filter"], fields["event_types"], about=about)
    if source is not None:
        require_bound(fields["filter"], fields["event_types"], format=fields["format"], about=about)
    rules.require_format(fields["format"], about=about, has_bot_secret=fields["bot_secret"] is not None)
    rules.require_ordering(fields["ordering"], about=about)
    await require_template(fields["payload_template"], fields["format"])
    await take_place(session, queries.THERE, most=limits.WEBHOOKS_PER_WORKSPACE, what="webhooks")
    if source is not None:
        most = limits.WEBHOOKS_PER_SOURCE
        await take_place(session, queries.there_of(source), most=most, what="webhooks of one source")
    keys, plain = _made_keys(fields["signature"], secret, secrets)
    checked = {name: value for name, value in fields.items() if name not in ("headers", "bot_secret")} | keys
    checked |= {"url": rules.checked_url(fields["url"], policy), "about": about}
    checked |= _sealed_headers(with_changes({}, fields["headers"]), secrets)
    checked["sealed_bot_secret"] = _sealed_bot_secret(fields["bot_secret"], secrets)
    checked["language"] = fields["language"] or language_for((await workspaces.get(session)).locale)
    status = WebhookStatus.DISABLED if fields["handshake"] else WebhookStatus.ENABLED
    webhook = resources.create(session, Webhook, source=source, status=status, failures=0, **checked)
    if webhook.handshake:
        await ask_for_consent(session, webhook)
    return webhook, plain


async def require_template(template: str | None, format: str = CLOUDEVENTS) -> None:
    """Raise Invalid for a template that is not for the format, or cannot be read."""
    rules.require_template(template, format)
    try:
        if template is not None:
            await payloads.require_readable(template)
    except Faulty as fault:
        raise Invalid("/payload_template", str(fault)) from fault


def new_secret() -> str:
    """Return a fresh random secret."""
    return written_secret(random_secrets.token_bytes(_NEW_SECRET_BYTES))


def _made_keys(signature: str, secret: str | None, secrets: SecretBox) -> tuple[dict[str, Any], str | None]:
    """Return what an endpoint keeps of new keys, and the shared secret of them: the one that is given, or a new one."""
    if signature == Signature.V1A and secret is not None:
        raise Invalid("/secret", "is for v1: a key of v1a is made here, and its public half is shown")
    plain = None if signature == Signature.V1A else _checked_secret(secret or new_secret())
    key = None if signature == Signature.V1 else new_signing_key()
    written = [plain] if plain else []
    if key:
        written.append(written_signing_key(key))
    sealed = secrets.seal(" ".join(written).encode(), purpose=SECRET_PURPOSE)
    return {"signature": signature, "secret": sealed, "public_key": public_key_of(key) if key else None}, plain


def _checked_secret(secret: str) -> str:
    try:
        read_secret(secret)
    except BadSecret as error:
        raise Invalid("/secret", str(error)) from error
    return secret


def _sealed_headers(headers: Mapping[str, str], secrets: SecretBox) -> dict[str, Any]:
    sealed = secrets.seal(write_document(headers).encode(), purpose=HEADERS_PURPOSE) if headers else None
    return {"sealed_headers": sealed, "header_names": list(headers)}


def opened_headers(sealed: str | None, secrets: SecretBox) -> dict[str, str]:
    """Return the headers that an endpoint's owner gave, by lower-case name."""
    return {} if sealed is None else read_document(secrets.open(sealed, purpose=HEADERS_PURPOSE))


def _sealed_bot_secret(secret: str | None, secrets: SecretBox) -> str | None:
    return None if secret is None else secrets.seal(secret.encode(), purpose=BOT_SECRET_PURPOSE)


def opened_bot_secret(sealed: str | None, secrets: SecretBox) -> str | None:
    """Return the secret, or the key, that a bot gave the endpoint's owner."""
    return None if sealed is None else secrets.open(sealed, purpose=BOT_SECRET_PURPOSE).decode()


def _changed_bot_secret(webhook: Webhook, wanted: str | bool | None, secrets: SecretBox) -> dict[str, Any]:
    """Return the secret of a bot as it is kept where it is another; True is the one that there is."""
    if isinstance(wanted, bool):
        if webhook.bot_secret is None:
            raise Invalid("/bot_secret", "has no value yet: say which")
        return {}
    is_same = wanted == opened_bot_secret(webhook.sealed_bot_secret, secrets)
    return {} if is_same else {"sealed_bot_secret": _sealed_bot_secret(wanted, secrets)}


def _changed_headers(webhook: Webhook, changes: Mapping[str, str | bool | None], secrets: SecretBox) -> dict[str, Any]:
    had = opened_headers(webhook.sealed_headers, secrets)
    wanted = with_changes(had, changes)
    # sealed anew the same headers would look like others
    return {} if wanted == had else _sealed_headers(wanted, secrets)


async def change_webhook(
    session: AsyncSession,
    webhook_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: Precondition,
    policy: AddressPolicy,
    secrets: SecretBox,
    reason: str = "manual",
) -> Webhook:
    """Change an endpoint. Enabling it again forgets its failures; disabling it, for a `reason`, ends what waits."""
    await require_template(changes.get("payload_template"))
    webhook = await queries.lock_webhook(session, webhook_id, expected)
    with changing(session, webhook, _checked(webhook, dict(changes), policy=policy, secrets=secrets)) as before:
        if {"filter", "event_types", "about"} & before.keys():
            rules.require_filter(webhook.filter, webhook.event_types, about=webhook.about)
        if webhook.source is not None:
            require_bound(webhook.filter, webhook.event_types, format=webhook.format, about=webhook.about)
        rules.require_format(webhook.format, about=webhook.about, has_bot_secret=webhook.bot_secret is not None)
        rules.require_ordering(webhook.ordering, about=webhook.about)
        rules.require_template(webhook.payload_template, webhook.format)
        if "status" in before and webhook.status == WebhookStatus.ENABLED:
            webhook.disabled_reason = webhook.failing_since = None
            webhook.failures = 0
        elif "status" in before:
            webhook.disabled_reason = reason
            await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)
        is_stopped = changes.get("status") == WebhookStatus.DISABLED
        await ask_after_change(session, webhook, before.keys(), is_stopped=is_stopped)
    return webhook


def _checked(webhook: Webhook, changes: dict[str, Any], *, policy: AddressPolicy, secrets: SecretBox) -> dict[str, Any]:
    """Return changes as they are kept. An address that is sent back as it was shown stays."""
    if changes.get("url") == webhook.shown_url:
        del changes["url"]
    if "url" in changes:
        changes["url"] = rules.checked_url(changes["url"], policy)
    elif "format" in changes:
        rules.require_url_again(webhook.format, changes["format"])
    if "format" in changes and "about" not in changes:
        changes["about"] = rules.ABOUT_ONLY.get(changes["format"], webhook.about)
    if "headers" in changes:
        changes |= _changed_headers(webhook, changes.pop("headers"), secrets)
    if "bot_secret" in changes:
        changes |= _changed_bot_secret(webhook, changes.pop("bot_secret"), secrets)
    return changes


async def delete_webhook(session: AsyncSession, webhook_id: UUID, *, expected: Precondition) -> None:
    """Take an endpoint away; what waits for it is cancelled, its secrets are forgotten."""
    webhook = await queries.lock_webhook(session, webhook_id, expected)
    sealed = ("previous_secret", "sealed_headers", "sealed_bot_secret")
    gone = {"status": WebhookStatus.DELETED, "secret": "", **dict.fromkeys(sealed)}
    with changing(session, webhook, gone, action="deleted"):
        await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)


async def rotate_secret(
    session: AsyncSession,
    webhook_id: UUID,
    *,
    secret: str | None,
    grace: timedelta,
    signature: str | None = None,
    secrets: SecretBox,
    expected: Precondition = ANY_VERSION,
) -> tuple[Webhook, str | None]:
    """Give an endpoint new keys, perhaps of another kind; until the grace period ends, calls carry signatures of the old ones too."""
    webhook = await queries.lock_webhook(session, webhook_id, expected)
    keys, plain = _made_keys(signature or webhook.signature, secret, secrets)
    old_public_key = webhook.public_key
    with changing(session, webhook, keys, action="secret_rotated") as before:
        webhook.previous_secret, webhook.previous_public_key = before["secret"], old_public_key
        webhook.previous_expires_at = clock_of(session).now() + grace
    return webhook, plain


async def public_keys(session: AsyncSession, webhook_id: UUID) -> list[str]:
    """Return the public keys that verify an endpoint's calls now, the present one first; raises NotFound."""
    webhook = await queries.get_webhook(session, webhook_id)
    ends_at = webhook.previous_expires_at
    is_overlapping = ends_at is not None and clock_of(session).now() < ends_at
    keys = (webhook.public_key, webhook.previous_public_key if is_overlapping else None)
    return [key for key in keys if key is not None]


async def get_webhook(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint of the session's workspace; raises NotFound."""
    return await queries.get_webhook(session, webhook_id)


async def require_within(session: AsyncSession, webhook_id: UUID, source: str | None) -> None:
    """Raise NotFound for an endpoint that is not the one of the source to which somebody is held; None is held to none."""
    if source is not None and (await queries.get_webhook(session, webhook_id)).source != source:
        raise NotFound.of("webhook")


async def source_of(session: AsyncSession, webhook_id: UUID) -> str | None:
    """Return the source that an endpoint is bound to, of a deleted one too."""
    return await queries.source_of(session, webhook_id)


async def lock_webhook(session: AsyncSession, webhook_id: UUID, expected: Precondition) -> Webhook:
    """Lock and return one endpoint of the session's workspace in the version expected; raises NotFound, StaleVersion."""
    return await queries.lock_webhook(session, webhook_id, expected)


async def get_enabled(session: AsyncSession, webhook_id: UUID) -> Webhook:
    """Return one endpoint that gets events; raises NotFound, and Conflict (409) when it is disabled."""
    webhook = await queries.get_webhook(session, webhook_id)
    if webhook.status != WebhookStatus.ENABLED:
        raise Conflict("The endpoint is disabled; set its status to enabled first (PATCH).")
    return webhook


async def enabled_webhooks(session: AsyncSession) -> list[Listener]:
    """Return the endpoints of the session's workspace that get events."""
    return await queries.enabled_webhooks(session)


async def alert_receivers(session: AsyncSession, *, only: UUID | None = None) -> list[Receiver]:
    """Return the enabled endpoints of the session's workspace that are told of alerts, or the one of them that is meant."""
    return [receiver_of(webhook) for webhook in await queries.alert_receivers(session, only)]


def receiver_of(webhook: Webhook) -> Receiver:
    """Return an endpoint as one that is told of alerts in groups."""
    return Receiver(webhook.id, webhook.description or str(webhook.id), webhook.event_types)


async def note_outcomes(
    session: AsyncSession,
    *,
    healed: Set[UUID],
    failed: Mapping[UUID, Failures],
    exhausted: Mapping[UUID, Exhausted],
    gone: Set[UUID],
) -> None:
    """Remember how endpoints fared, and tell of it: a success ends a row of failures, 410 or five days of nothing else disable.

    `healed` were failing and succeeded; `failed` are those without any success. The session has entered as a worker: endpoints may
    be of several workspaces.
    """
    if healed:
        await session.execute(
            update(Webhook).where(Webhook.id.in_(sorted(healed))).values(failing_since=None, failures=0)
        )
    touched = failed.keys() | exhausted.keys() | gone
    if not touched:
        return
    now = clock_of(session).now()
    for webhook in await queries.lock_webhooks(session, sorted(touched)):
        if (ended := exhausted.get(webhook.id)) is not None:
            _tell(session, webhook, told_of_exhausted(webhook.id, rules.host_of(webhook.url), ended))
        if (failures := failed.get(webhook.id)) is not None:
            _note_failures(session, webhook, failures, now)
        if webhook.id in gone:
            await _disable(session, webhook, "gone")
        elif webhook.failing_since is not None and has_failed_too_long(webhook.failing_since, webhook.failures, now):
            await _disable(session, webhook, "failing")


def _note_failures(session: AsyncSession, webhook: Webhook, found: Failures, now: datetime) -> None:
    webhook.failures += found.count
    since = webhook.failing_since = webhook.failing_since or now
    if webhook.status == WebhookStatus.ENABLED and begins_to_fail(
        since, webhook.failures, webhook.failing_told_at, now
    ):
        webhook.failing_told_at = now
        told = told_of_failing(webhook.id, rules.host_of(webhook.url), since, webhook.failures, found)
        _tell(session, webhook, told)


def _tell(session: AsyncSession, webhook: Webhook, event: EventData) -> None:
    with acting_for(session, Context(workspace=webhook.workspace)):
        outbox.append(session, event)


async def _disable(session: AsyncSession, webhook: Webhook, reason: Any) -> None:
    if webhook.status != WebhookStatus.ENABLED:
        return
    webhook.status = WebhookStatus.DISABLED
    webhook.disabled_reason = reason
    touch(session, webhook)
    await deliveries.cancel_waiting(session, webhook.workspace, webhook.id)
    _tell(session, webhook, WebhookDisabled(webhook_id=webhook.id, url=rules.without_path(webhook.url), reason=reason))


async def forget_deleted(session: AsyncSession, before: datetime) -> None:
    """Delete for good the endpoints that were taken away before a time, once the last of their deliveries is forgotten."""
    given = {"workspace": context_of(session).workspace, "before": before}
    outbox.end_streams(session, "webhook", (await session.scalars(_FORGET_DELETED, given)).all())


async def all_ids(session: AsyncSession) -> Sequence[UUID]:
    """Return the ids of all endpoints of the session's workspace, deleted ones too."""
    return await queries.all_ids(session)
