"""What became of messages, for each person and channel; messages are taken back, paused and resumed."""
