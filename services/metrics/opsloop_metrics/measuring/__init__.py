"""Measures KPIs from time to time and keeps what they came to, so that nobody waits for it who looks at them."""
