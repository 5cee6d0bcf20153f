"""What others have written is in findings: no text of theirs may break a file of ours."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from failing_exchange.explorer.job_summary import job_summary
from failing_exchange.explorer.junit import junit
from failing_exchange.explorer.regression_test import write_tests
from failing_exchange.explorer.search import Options, explore

ESCAPES = "\x1b[31mno\x00 \"signal\" '''\ud800 </failure>&"
BOT = f"""
async def main(exchange):
    await exchange.fetch_ticker("BTC/USDT")
    raise ValueError({ESCAPES!a})
"""


def test_control_characters_are_written_out(tmp_path: Path) -> None:
    """In XML and in a generated test, neither of which can hold them."""
    path = tmp_path / "bot.py"
    path.write_text(BOT, encoding="utf-8")
    found = explore(Options(target=f"{path}:main", seeds=1, seconds=60.0, jobs=1))
    found.errors.append(ESCAPES)
    suite = ElementTree.fromstring(junit(found))
    said = [one.get("message", "") for one in suite.iter() if one.tag in ("failure", "error")]
    assert len(said) == 2
    assert all("\\x1b[31mno\\x00 \"signal\" '''\\ud800 </failure>&" in text for text in said)
    summary = job_summary(found, "One rule was broken.")
    assert "\x1b" not in summary
    assert "</failure>" not in summary
    assert f"failing-exchange replay {next(iter(found.findings)).token}\n```" in summary
    write_tests(found, tmp_path)
    for file in tmp_path.glob("test_*.py"):
        compile(file.read_text(encoding="utf-8"), str(file), "exec")
