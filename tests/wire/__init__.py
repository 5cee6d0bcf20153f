"""The venue on the wire: HTTP, WebSocket, limits, faults."""
