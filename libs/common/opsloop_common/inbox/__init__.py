"""The inbox: an event is applied at most once per consumer; what cannot be applied is parked with its followers."""
