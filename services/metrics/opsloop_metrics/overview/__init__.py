"""A KPI at a glance: its value now, what its monitors say, its chart. Knows both rooms, which do not know it."""
