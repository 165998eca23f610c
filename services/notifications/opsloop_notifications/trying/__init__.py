"""An endpoint is tried: with a test, or with a sample of what it hears."""
