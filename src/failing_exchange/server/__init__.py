"""Sockets, HTTP, WebSocket, damage to their bytes, and the control API; it knows no venue."""
