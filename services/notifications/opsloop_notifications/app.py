"""The notifications service, put together."""

from __future__ import annotations

from opsloop_common.contracts import notifications
from opsloop_common.service import Service
from opsloop_notifications.alert_groups import slice as alert_groups
from opsloop_notifications.alert_rules import slice as alert_rules
from opsloop_notifications.alert_silences import slice as alert_silences
from opsloop_notifications.alerts import slice as alerts
from opsloop_notifications.asking import slice as asking
from opsloop_notifications.bounces import slice as bounces
from opsloop_notifications.calling import slice as calling
from opsloop_notifications.calls import slice as calls
from opsloop_notifications.channels import slice as channels
from opsloop_notifications.composing import slice as composing
from opsloop_notifications.confirmations import slice as confirmations
from opsloop_notifications.consent import slice as consent
from opsloop_notifications.contacts import slice as contacts
from opsloop_notifications.deliveries import slice as deliveries
from opsloop_notifications.digest_mails import slice as digest_mails
from opsloop_notifications.digests import slice as digests
from opsloop_notifications.endpoints import slice as endpoints
from opsloop_notifications.escalations import slice as escalations
from opsloop_notifications.eventlog import slice as eventlog
from opsloop_notifications.heartbeats import slice as heartbeats
from opsloop_notifications.in_app import slice as in_app
from opsloop_notifications.lines import slice as lines
from opsloop_notifications.mail import slice as mail
from opsloop_notifications.messages import slice as messages
from opsloop_notifications.oncall import slice as oncall
from opsloop_notifications.outcomes import slice as outcomes
from opsloop_notifications.payload_previews import slice as payload_previews
from opsloop_notifications.portal import slice as portal
from opsloop_notifications.ports import open_ports
from opsloop_notifications.posting import slice as posting
from opsloop_notifications.queues import slice as queues
from opsloop_notifications.recipient_imports import slice as recipient_imports
from opsloop_notifications.recipients import slice as recipients
from opsloop_notifications.recoveries import slice as recoveries
from opsloop_notifications.replies import slice as replies
from opsloop_notifications.retention import slice as retention
from opsloop_notifications.sending import slice as sending
from opsloop_notifications.settings import NotificationsSettings
from opsloop_notifications.suppressions import slice as suppressions
from opsloop_notifications.tables import Base
from opsloop_notifications.templates import slice as templates
from opsloop_notifications.topics import slice as topics
from opsloop_notifications.trying import slice as trying
from opsloop_notifications.unsubscribing import slice as unsubscribing

SERVICE = Service(
    name="notifications",
    title="Notifications",
    metadata=Base.metadata,
    migrations="opsloop_notifications.migrations",
    scopes=(
        "notifications:read",
        "notifications:write",
        "notifications:admin",
        "notifications:report",
        "notifications:subscribe",
    ),
    events=notifications.EVENTS,
    slices=(
        endpoints.SLICE,
        asking.SLICE,
        payload_previews.SLICE,
        trying.SLICE,
        sending.SLICE,
        recoveries.SLICE,
        lines.SLICE,
        portal.SLICE,  # after endpoints, whose page of keys is beside its pages
        eventlog.SLICE,
        confirmations.SLICE,  # before recipients, whose paths take the rest
        in_app.SLICE,
        recipient_imports.SLICE,
        contacts.SLICE,
        recipients.SLICE,
        consent.SLICE,
        topics.SLICE,
        suppressions.SLICE,
        unsubscribing.SLICE,
        bounces.SLICE,
        mail.SLICE,
        messages.SLICE,
        outcomes.SLICE,
        posting.SLICE,
        replies.SLICE,
        channels.SLICE,
        calls.SLICE,
        calling.SLICE,
        digests.SLICE,
        digest_mails.SLICE,
        alerts.SLICE,
        alert_rules.SLICE,
        alert_groups.SLICE,
        alert_silences.SLICE,
        escalations.SLICE,
        oncall.SLICE,
        heartbeats.SLICE,
        composing.SLICE,
        templates.SLICE,
        deliveries.SLICE,
        queues.SLICE,
        retention.SLICE,
    ),
    settings=NotificationsSettings,
    open=open_ports,
)
