"""Findings as JUnit XML, for a build server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from failing_exchange.explorer.findings import grouped
from failing_exchange.text.spelling import printable

if TYPE_CHECKING:
    from failing_exchange.explorer.search import Exploration


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
