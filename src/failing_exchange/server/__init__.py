"""The wire doors: the venue's own protocols over HTTP and WebSocket, on a socket or in memory."""
