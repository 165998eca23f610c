"""Objectives and their key results: what a team wants to reach by when, and whether it is on its way."""
