"""Mixpanel's wire: events, profiles and groups as forms or JSON."""
