"""What products send: one shape for the messages of every vendor's client."""
