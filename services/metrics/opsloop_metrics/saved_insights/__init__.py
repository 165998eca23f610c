"""Saved insights: questions that are asked again, with their answers as JSON, CSV and pictures."""
