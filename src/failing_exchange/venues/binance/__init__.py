"""Binance Spot's language: requests to commands, answers to JSON. It holds no state."""
