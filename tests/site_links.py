"""Check the links of a built site without a network: `python tests/site_links.py FOLDER`.

Each link and anchor within the site must lead somewhere, and no page may load anything from another
server. Links to other servers are listed, not followed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

LINKS = {"a": "href", "area": "href"}  # followed by a reader
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src",
          "object": "data"}  # loaded by the browser  # fmt: skip
NOT_LOADED = {"canonical", "prev", "next", "edit", "license", "alternate"}  # of <link rel=...>
MERMAID = "https://unpkg.com/mermaid"  # that the theme would load for a diagram
IMPORT = re.compile(
    r"url\(\s*['\"]?((?:https?:)?//[^)'\"]+)|@import\s+['\"]((?:https?:)?//[^'\"]+)"
)


class Link(NamedTuple):
    """A link of a page, as it stands there."""

    target: str
    loaded: bool


class Page(HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[Link] = []
        self.anchors: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names and what it leads to."""
        given = {name: value or "" for name, value in attrs}
        if "mermaid" in given.get("class", "").split():  # draw it by hand, as an SVG
            self.links.append(Link(MERMAID, loaded=True))
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag in LINKS and LINKS[tag] in given:
            self.links.append(Link(given[LINKS[tag]], loaded=False))
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in NOT_LOADED:
            self.links.append(Link(given[LOADED[tag]], loaded=True))


def complaints(site: Path) -> Iterator[str]:
    """What is wrong with the links of the site, a line each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no page here"
    for path, page in pages.items():
        for link in page.links:
            fault = _fault(site, path, link, pages)
            if fault:
                yield f"{path.relative_to(site)}: {link.target}: {fault}"
    for path in sorted(site.rglob("*.css")):
        for found in IMPORT.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: {''.join(found)}: loaded from another server"


def external(site: Path) -> list[str]:
    """The links to other servers, each once."""
    pages = (Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html"))
    return sorted({link.target for page in pages for link in page.links if _foreign(link.target)})


def _foreign(target: str) -> bool:
    return bool(urlsplit(target).netloc)


def _fault(site: Path, path: Path, link: Link, pages: dict[Path, Page]) -> str:
    """Why a link is bad; empty if it is good."""
    parts = urlsplit(link.target)
    if parts.netloc:
        return "loaded from another server" if link.loaded else ""
    if parts.scheme:  # mailto, data
        return ""
    there = (
        site / parts.path.lstrip("/") if parts.path.startswith("/") else path.parent / parts.path
    )
    found = Path(unquote(str(there))).resolve() if parts.path else path
    if found.is_dir():
        found /= "index.html"
    if not found.is_file():
        return "no such file"
    if found in pages and unquote(parts.fragment) not in pages[found].anchors:
        return "no such anchor"
    return ""


def main(folder: str) -> int:
    """Print what is wrong, and the links to other servers."""
    site = Path(folder).resolve()
    found = list(complaints(site))
    print("\n".join(found), end="\n" * bool(found), file=sys.stderr)
    links = external(site)
    print(f"{len(links)} links to other servers (not followed):", *links, sep="\n  ")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
