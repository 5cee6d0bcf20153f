"""The page's files: there, whole, harmless, and nothing else is served."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from failing_exchange.page.assets import HEADERS, POLICY, _file, asset

STATIC = Path(str(files("failing_exchange"))) / "page" / "static"
SCRIPTS = sorted(path.name for path in STATIC.glob("*.js"))


def text_of(path: str) -> str:
    """A file as it is served."""
    found = asset(path)
    assert found is not None, path
    return found.body.decode()


def test_the_page_and_all_it_names_are_served() -> None:
    """No file is missing, none comes from elsewhere: the page works without a network."""
    home = text_of("/")
    assert home == text_of("/page")
    named = re.findall(r'(?:src|href)="([^"#]+)"', home)
    assert [one for one in named if one.startswith("http")] == ["https://www.tradingview.com/"]
    for name in (one for one in named if one.startswith("/")):
        assert asset(name), name
    for script in SCRIPTS:
        for other in re.findall(r'from "\./([\w.]+)"', text_of(f"/page/{script}")):
            assert asset(f"/page/{other}"), f"{script} imports {other}"
    assert "TradingView" in text_of("/page/lightweight-charts.js")[:200]


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_script_reads_text_as_html_or_code(script: str) -> None:
    """What a client has sent, as its order ids, stays text."""
    text = text_of(f"/page/{script}")
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert not re.search(banned, text)
    assert not re.search(r"https?://|wss?://", text)


def test_the_document_has_neither_script_nor_style_of_its_own() -> None:
    """So the policy can forbid both."""
    home = text_of("/")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]* src=)", home)
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    assert ("X-Content-Type-Options", "nosniff") in HEADERS


@pytest.mark.parametrize(
    "path",
    ["/page/", "/page/x.js", "/page/../assets.py", "/page/%2e%2e/feed.py", "/page/.js", "/pages",
     "/page/index.html", "/page/assets.py", "/page//app.js", "/page/app.js/"],
)  # fmt: skip
def test_nothing_else_is_served(path: str) -> None:
    """Only names of one folder, without any way out of it."""
    assert asset(path) is None


def test_names_that_are_asked_for_are_not_kept() -> None:
    """Off loopback anybody may ask for a file, as often as they like."""
    before = _file.cache_info().currsize
    for n in range(100):
        assert asset(f"/page/{'x' * (n + 1)}.js") is None
    assert _file.cache_info().currsize == before
