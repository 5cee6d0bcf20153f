"""Clients as their users have them, unmodified, against the venue. Slower: `make clients`."""
