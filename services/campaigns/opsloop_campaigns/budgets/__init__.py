"""Budgets: how much one cause, one playbook and one workspace may launch in an hour without a person (rules only)."""
