"""Binance Spot's language."""
