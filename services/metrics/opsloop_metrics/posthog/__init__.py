"""PostHog's capture API, v0 and v1, and what its browser client asks for besides."""
