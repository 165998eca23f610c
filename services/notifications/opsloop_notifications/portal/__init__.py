"""The portal: what a receiver of webhooks sees of its endpoint, and may do there, by a link that its owner made."""
