"""Orders and refunds: what people paid, and got back, in the currency in which they did (docs/insights.md §15)."""
