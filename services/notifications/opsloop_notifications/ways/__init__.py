"""Ways out besides mail: what each provider is called with to reach a person, and what its answer means. Rules only."""
