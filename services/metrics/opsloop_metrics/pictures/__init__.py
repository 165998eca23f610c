"""KPIs over time and objectives, drawn; their numbers as tables beside it. Knows both rooms, which do not know it."""
