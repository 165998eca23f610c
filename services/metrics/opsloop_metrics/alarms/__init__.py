"""What a monitor watches for, and what one look at its KPI says of that."""
