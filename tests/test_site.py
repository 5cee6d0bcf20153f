"""The tools of the documentation site: the check of its links, and what becomes of docstrings."""

from __future__ import annotations

from pathlib import Path

from tests.site_docstrings import rewritten
from tests.site_links import complaints, external


def test_dead_links_and_foreign_files_are_found(tmp_path: Path) -> None:
    """A check that finds nothing in a bad site would be worth nothing."""
    (tmp_path / "start").mkdir()
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1> <a href="start/#one"></a> <a href="start/#two"></a> <a href="#top">'
        '<a href="gone/"> <img src="no.png"> <script src="https://cdn.example/x.js"></script>'
        '<a href="https://example.com"> <a href="/start/index.html">'
    )
    (tmp_path / "start" / "index.html").write_text(
        '<p id="one" class="mermaid"><a href="../#down"><a href="..">'
    )
    (tmp_path / "x.css").write_text("@import 'https://fonts.example/a.css'; a {b: url(c.png)}")
    assert [line.split(": ", 1) for line in complaints(tmp_path)] == [
        ["index.html", "start/#two: no such anchor"],
        ["index.html", "gone/: no such file"],
        ["index.html", "no.png: no such file"],
        ["index.html", "https://cdn.example/x.js: loaded from another server"],
        ["start/index.html", "https://unpkg.com/mermaid: loaded from another server"],
        ["start/index.html", "../#down: no such anchor"],
        ["x.css", "https://fonts.example/a.css: loaded from another server"],
    ]
    assert external(tmp_path) == [
        "https://cdn.example/x.js",
        "https://example.com",
        "https://unpkg.com/mermaid",
    ]


def test_an_empty_folder_is_not_a_good_site(tmp_path: Path) -> None:
    """A build that wrote elsewhere has no dead links."""
    assert len(list(complaints(tmp_path))) == 1


def test_docstrings_become_tables_examples_and_links() -> None:
    """Else a reader of the site sees parameters in one lump, and examples as quotations."""
    text = "Add (docs/own_rules.md).\n\na: one\n  more\nb: two\n\n>>> 1 + 1\n2\n\nNote: as it is."
    assert rewritten(text).split("\n") == [
        "Add ([own rules](../../own_rules.md)).", "",
        "Args:", "    a: one", "      more", "    b: two", "",
        "```pycon", ">>> 1 + 1", "2", "```", "",
        "Note: as it is.",
    ]  # fmt: skip
