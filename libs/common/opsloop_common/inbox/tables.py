"""Tables of the consuming side: what was applied, what is parked, how far the local bus has delivered."""
