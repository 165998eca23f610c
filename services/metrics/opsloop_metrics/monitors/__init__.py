"""Monitors, their whole life: what each watches a KPI for, its state machine, when it looks, the history of what it saw."""
