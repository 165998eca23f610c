"""Sessions: what somebody did in one go."""
