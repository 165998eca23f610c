"""What is not told: silences, and alerts that others inhibit."""
