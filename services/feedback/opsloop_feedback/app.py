"""The feedback service, put together."""

from __future__ import annotations

from opsloop_common.contracts.feedback import EVENTS
from opsloop_common.service import Service
from opsloop_feedback.arrivals import slice as arrivals
from opsloop_feedback.attachments import slice as attachments
from opsloop_feedback.authors import slice as authors
from opsloop_feedback.bulk_changes import slice as bulk_changes
from opsloop_feedback.calendars import slice as calendars
from opsloop_feedback.calls import slice as calls
from opsloop_feedback.canned_replies import slice as canned_replies
from opsloop_feedback.chats import slice as chats
from opsloop_feedback.cluster_members import slice as cluster_members
from opsloop_feedback.clusters import slice as clusters
from opsloop_feedback.conversations import slice as conversations
from opsloop_feedback.csat import slice as csat
from opsloop_feedback.csat_pages import slice as csat_pages
from opsloop_feedback.drafts import slice as drafts
from opsloop_feedback.feedback_imports import slice as feedback_imports
from opsloop_feedback.form_pages import slice as form_pages
from opsloop_feedback.forms import slice as forms
from opsloop_feedback.indexing import slice as indexing
from opsloop_feedback.intake import slice as intake
from opsloop_feedback.items import slice as items
from opsloop_feedback.learning import slice as learning
from opsloop_feedback.macros import slice as macros
from opsloop_feedback.mail_in import slice as mail_in
from opsloop_feedback.mail_polling import slice as mail_polling
from opsloop_feedback.mailboxes import slice as mailboxes
from opsloop_feedback.merging import slice as merging
from opsloop_feedback.people import slice as people
from opsloop_feedback.persons import slice as persons
from opsloop_feedback.ports import open_ports
from opsloop_feedback.previews import slice as previews
from opsloop_feedback.routing_rules import slice as routing_rules
from opsloop_feedback.scheduled_replies import slice as scheduled_replies
from opsloop_feedback.search import slice as search
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.similar import slice as similar
from opsloop_feedback.sla_clocks import slice as sla_clocks
from opsloop_feedback.sla_policies import slice as sla_policies
from opsloop_feedback.slas import slice as slas
from opsloop_feedback.status_pages import slice as status_pages
from opsloop_feedback.synonyms import slice as synonyms
from opsloop_feedback.tables import Base
from opsloop_feedback.taxonomy import slice as taxonomy
from opsloop_feedback.teams import slice as teams
from opsloop_feedback.triage_rules import slice as triage_rules
from opsloop_feedback.views import slice as views
from opsloop_feedback.watchers import slice as watchers
from opsloop_feedback.widget import slice as widget

SERVICE = Service(
    name="feedback",
    title="Feedback",
    metadata=Base.metadata,
    migrations="opsloop_feedback.migrations",
    scopes=("feedback:read", "feedback:write", "feedback:admin", "feedback:submit"),
    adding=("feedback:submit",),
    events=EVENTS,
    slices=(
        intake.SLICE,
        items.SLICE,
        conversations.SLICE,
        status_pages.SLICE,
        authors.SLICE,
        indexing.SLICE,
        similar.SLICE,
        search.SLICE,
        merging.SLICE,
        arrivals.SLICE,
        synonyms.SLICE,
        calendars.SLICE,
        teams.SLICE,
        sla_policies.SLICE,
        sla_clocks.SLICE,
        slas.SLICE,
        learning.SLICE,
        routing_rules.SLICE,
        canned_replies.SLICE,
        macros.SLICE,
        triage_rules.SLICE,
        previews.SLICE,
        taxonomy.SLICE,
        watchers.SLICE,
        forms.SLICE,
        form_pages.SLICE,
        widget.SLICE,
        chats.SLICE,
        attachments.SLICE,
        mailboxes.SLICE,
        mail_in.SLICE,
        mail_polling.SLICE,
        views.SLICE,
        bulk_changes.SLICE,
        feedback_imports.SLICE,
        calls.SLICE,
        csat.SLICE,
        csat_pages.SLICE,
        cluster_members.SLICE,
        clusters.SLICE,
        persons.SLICE,
        people.SLICE,
        scheduled_replies.SLICE,
        drafts.SLICE,
    ),
    settings=FeedbackSettings,
    open=open_ports,
)
