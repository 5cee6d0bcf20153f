"""What an exploration leaves behind: files for a machine, a test suite, a build server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.findings import grouped
from failing_exchange.explorer.regress import test_file
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from failing_exchange.explorer.search import Exploration


def write(path: Path, text: str) -> None:
    """Write a file; ConfigurationError says why it can't be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error


def check_file(name: str, path: Path) -> None:
    """Can a file be written there? ConfigurationError says why not, before anything has run."""
    was_there = path.exists()
    try:
        with path.open("a", encoding="utf-8"):
            pass
        if not was_there:
            path.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"--{name} {path}: no file can be written there ({error.strerror}); name another"
        ) from error


def check_folder(name: str, folder: Path) -> None:
    """Make a folder, and see whether it can be written to; ConfigurationError says why not."""
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--{name} {folder}: that is a file; name a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"--{name} {folder}: {error.strerror}") from error
    check_file(name, folder / ".writable")


def write_tests(found: Exploration, folder: Path) -> None:
    """A test file for each place to mend; the smallest example of it."""
    written: dict[str, int] = {}
    for group in grouped(found.findings):
        if group.first.token is not None:
            name, text = test_file(group.first, folder)
            written[name] = times = written.get(name, 0) + 1
            if times > 1:  # the same cause at another line
                name = f"{name.removesuffix('.py')}_{times}.py"
            write(folder / name, text)


def junit(found: Exploration) -> str:
    """Findings as JUnit XML: a failed case each; one passed case where there are none."""
    findings = [group.first for group in grouped(found.findings)]
    suite = ElementTree.Element(
        "testsuite",
        name=f"explore {found.options.target}",
        tests=str(max(1, len(findings))),
        failures=str(len(findings)),
        errors=str(found.errors_seen),
        time=f"{found.seconds:.3f}",
    )
    for finding in findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=finding.cause.rule, name=str(finding.cause)
        )
        failure = ElementTree.SubElement(case, "failure", message=printable(finding.sentence))
        failure.text = f"failing-exchange replay {finding.token}"
    if not findings:
        ElementTree.SubElement(
            suite, "testcase", classname="explore", name=f"{found.trials} worlds"
        )
    for error in map(printable, found.errors):
        case = ElementTree.SubElement(suite, "testcase", classname="explore", name=error[:80])
        ElementTree.SubElement(case, "error", message=error)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
