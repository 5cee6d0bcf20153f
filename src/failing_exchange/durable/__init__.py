"""A journal in a database from which a venue comes back after its process was killed."""
