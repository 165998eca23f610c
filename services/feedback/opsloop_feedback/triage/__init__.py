"""Triage: kind, severity and sentiment from words and rating."""
