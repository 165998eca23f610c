"""What an endpoint would be called with, without a call."""
