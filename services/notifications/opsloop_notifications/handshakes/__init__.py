"""What an endpoint is asked before it is called, as CloudEvents has it."""
