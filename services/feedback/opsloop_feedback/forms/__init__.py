"""Forms: what a hosted page asks, in whose words and colours, and what became of what was sent there."""
