"""The journal: each trip with what happened on the exchange and what its client was told."""
