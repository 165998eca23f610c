"""KPIs, their reported values and their monitors: what somebody wants to be watched."""
