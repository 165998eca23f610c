"""Standard Webhooks: secrets and signatures."""
