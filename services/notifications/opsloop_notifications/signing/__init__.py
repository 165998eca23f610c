"""Standard Webhooks: secrets, keys and signatures."""
