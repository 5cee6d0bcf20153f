"""Binance USD-M futures, as a client meets it on the wire."""
