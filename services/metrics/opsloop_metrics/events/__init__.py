"""Domain events of all services, stored as they came, and read as measures."""
