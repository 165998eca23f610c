"""Headers that the owner of an endpoint gives to its calls."""
