"""Binance USD-M on the wire."""
