"""The files of the page, and the headers that keep a browser from anything else."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

HOME = ("/", "/page")  # paths of the page itself
CHARTS = "lightweight-charts.js"  # comes with the dependency `litecharts`, unchanged
KINDS = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
NAME = re.compile(r"/page/([a-z][a-z_-]*\.(?:js|css|svg))")
# Scripts and styles come from the server alone, none stands in the document, and no string is ever
# parsed as HTML (trusted types: a browser that knows them throws).
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)


class Asset(NamedTuple):
    """A file of the page, as it is sent."""

    kind: str
    body: bytes


def asset(path: str) -> Asset | None:
    """The file at a path of the control port; None where there is none."""
    found = NAME.fullmatch(path)
    name = "index.html" if path in HOME else "" if found is None else found[1]
    return _file(name) if name in _names() else None


@cache
def _names() -> frozenset[str]:
    """The files that there are: only these are read and kept, whatever is asked for."""
    folder = files("failing_exchange") / "page" / "static"
    return frozenset({CHARTS, *(one.name for one in folder.iterdir())})


@cache
def _file(name: str) -> Asset:
    kind = KINDS[name.rpartition(".")[2]]
    if name == CHARTS:
        return Asset(kind, _charts())
    return Asset(kind, (files("failing_exchange") / "page" / "static" / name).read_bytes())


def _charts() -> bytes:
    """The plotting library without the tag that it is wrapped in."""
    from litecharts import getLwcScript

    text = re.sub(r"^\s*<script[^>]*>|</script>\s*$", "", getLwcScript())
    return text.encode()
