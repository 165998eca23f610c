"""KPIs: what somebody cares for, how it is measured, the values reported for it, its target."""
