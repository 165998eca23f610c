"""Google Analytics 4's measurement protocol."""
