"""Binance Spot as its clients meet it: REST, streams, the WebSocket API, limits, refusals."""
