"""DNS records: what a domain has to say, for its mail to be believed."""
