"""Clocks of service levels: one a post and target, that runs in working time, stands still, is met or breached."""
