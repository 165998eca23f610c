"""Stickiness: in how many of the intervals people were there."""
