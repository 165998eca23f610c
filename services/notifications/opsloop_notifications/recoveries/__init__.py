"""What an endpoint missed is delivered again: in order, and no faster than it takes it."""
