"""What a KPI can measure: rules only."""
