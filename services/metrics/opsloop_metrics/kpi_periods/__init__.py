"""What KPIs came to by period: kept, so that a board of them is one statement."""
