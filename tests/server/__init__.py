"""Sockets, HTTP, WebSocket, damage, the control API: here with Binance on top."""
