"""Runs ccxt's own tests with every request of the process led to a venue.

python elsewhere.py ROOT URL ARGUMENTS: ROOT/python/ccxt is a copy of the installed package. ccxt's
URLs stay as they are, for its tests look at them; only what leaves the process is led elsewhere.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit


def lead(url: str) -> None:
    """Patch aiohttp's and requests' way out."""
    import requests.adapters
    import yarl
    from aiohttp import ClientSession

    venue = urlsplit(url)
    request, send = ClientSession._request, requests.adapters.HTTPAdapter.send

    async def lead_request(self: Any, method: str, asked: Any, **options: Any) -> Any:
        here = yarl.URL(str(asked), encoded=True)
        if here.host != venue.hostname:  # a WebSocket's upgrade comes by twice
            here = here.with_scheme("http").with_host(venue.hostname or "").with_port(venue.port)
        return await request(self, method, here, **{**options, "proxy": None})

    def lead_send(self: Any, prepared: Any, **options: Any) -> Any:
        meant = prepared.url
        parts = urlsplit(meant)
        prepared.url = urlunsplit(("http", venue.netloc, parts.path, parts.query, ""))
        response = send(self, prepared, **{**options, "proxies": {}})
        response.url = prepared.url = meant
        return response

    ClientSession._request = lead_request  # type: ignore[assignment]
    requests.adapters.HTTPAdapter.send = lead_send  # type: ignore[method-assign,assignment]


def main(root: Path, url: str, *arguments: str) -> None:
    """Run the suite's entry point."""
    sys.path.insert(0, str(root / "python"))
    lead(url)
    entry = root / "python" / "ccxt" / "test" / "tests_init.py"
    sys.path.insert(0, str(entry.parent))
    sys.argv = [str(entry), *arguments]
    runpy.run_path(str(entry), run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
