"""Calendars: when a team works, by the clock on the wall of a place, with its holidays and make-up workdays."""
