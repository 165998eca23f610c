"""Trends: numbers an interval, divided by values, combined by formulas, beside those of the time before."""
