"""Tests against a served venue, as the compose file runs them."""
