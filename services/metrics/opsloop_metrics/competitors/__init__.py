"""Competitors and markets: series of numbers that others publish, beside ours."""
