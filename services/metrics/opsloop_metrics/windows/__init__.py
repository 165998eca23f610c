"""Over which time a KPI is looked at: rules only."""
