"""What persons bring into the service: their tables. Their doors are those of people."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.persons.models import Person, PersonIdentity, PersonSuggestion

SLICE = Slice("persons", models=(Person, PersonIdentity, PersonSuggestion))
