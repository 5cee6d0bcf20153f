"""Judging a bot from outside: what it could have known, what it did, and what that cost."""
