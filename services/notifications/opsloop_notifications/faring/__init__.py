"""How an endpoint fares: when it begins to fail, when it has failed for too long, and what is told of that."""
