"""Worlds small enough to be worked by hand: events, questions, and the arithmetic that leads to each answer."""

from __future__ import annotations

from tests.insights.by_hand import browsing, coming_back, funnel_parts, funnels
from tests.insights.by_hand.worked import Worked

WORLDS: list[Worked] = [*funnels.WORLDS, *funnel_parts.WORLDS, *coming_back.WORLDS, *browsing.WORLDS]
