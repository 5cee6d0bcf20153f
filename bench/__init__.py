"""Benches: what this project costs, beside something that everybody knows. See `harness`."""
