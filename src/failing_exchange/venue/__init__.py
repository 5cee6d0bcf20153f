"""One running venue: the gateway with its clock, latencies, limits and maintenance."""
