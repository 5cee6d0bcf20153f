"""Exits with 0 while the venue of this container is sound: the HEALTHCHECK of the Dockerfile.

It asks the control API where there is one. Else it only connects to the venue's port: a request
would stand in the journal, and faults would strike it.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request

SECONDS = 2.0  # until it gives up
PREFIX = "FAILING_EXCHANGE_"


def main() -> int:
    """0 for a sound venue, 1 for any other; the reason on stderr."""
    control = os.environ.get(f"{PREFIX}CONTROL_PORT", "")
    try:
        if control:
            return _sound(int(control))
        port = int(os.environ.get(f"{PREFIX}PORT") or 8080)
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _sound(port: int) -> int:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/health")
    token = os.environ.get(f"{PREFIX}CONTROL_TOKEN", "")
    if token:
        asked.add_header("Authorization", f"Bearer {token}")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(asked, timeout=SECONDS) as reply:
        health = json.load(reply)
    sys.stderr.write("" if health["ok"] else f"{health}\n")
    return 0 if health["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
