"""Tests of the exchange itself."""
