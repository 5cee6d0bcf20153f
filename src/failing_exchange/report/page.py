"""The page: one HTML file that shows what a command has written, and needs nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from failing_exchange.core.market import parse_symbol
from failing_exchange.errors import ConfigurationError
from failing_exchange.judge.catalogue import RULES
from failing_exchange.judge.products import USDT
from failing_exchange.report.key_figures import KeyFigure, amount, sections_of
from failing_exchange.report.text import rules_kept
from failing_exchange.text.durations import span

FINDINGS_MAX = 200  # on one page; the file holds the rest


AT_RISK = "lost or at risk"
EMPTY: dict[str, Any] = {  # what a page has nothing to say of
    "sections": [], "again": "", "stopped": "", "traceback": "", "results": [],
    "recording": None, "findings_left": 0,
}  # fmt: skip


def page(found: Mapping[str, Any]) -> str:
    """The page of a results file: of a run, of a report card, or of an exploration.

    Raises ConfigurationError for anything else.
    """
    draw = PAGES.get(str(found.get("kind")))
    if draw is None:
        kind = f" (its kind is {found['kind']!r})" if "kind" in found else ""
        raise ConfigurationError(
            f"these are not results{kind}: expected what `--output` of `run` or `explore` wrote"
        )
    data = draw(found)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    script = "".join(_file(name) for name in ("page.js", "charts.js"))
    parts = {
        "{{TITLE}}": escape(data["title"]),
        "{{STYLE}}": _file("page.css"),
        "{{CHARTS}}": _library() if data["recording"] else "",
        "{{SCRIPT}}": f'"use strict";\n(() => {{\n{script}}})();',
        "{{DATA}}": text.replace("<", "\\u003c").replace("\u2028", "\\u2028"),
    }
    whole = _file("page.html")
    for name, part in parts.items():
        before, _, after = whole.partition(name)
        whole = before + part + after
    return whole


def _file(name: str) -> str:
    return (files("failing_exchange") / "report" / name).read_text(encoding="utf-8")


def _library() -> str:
    """The plotting library as a script tag. A page without charts goes without it."""
    from litecharts import getLwcScript

    script: str = getLwcScript()
    return script


# ---- a run


def _run(found: Mapping[str, Any]) -> dict[str, Any]:
    config, verdict = found["config"], found.get("verdict") or {}
    recording, headline = found.get("recording") or {}, found.get("headline") or {}
    scenario = f" in the scenario {config['scenario']}" if config.get("scenario") else ""
    sums = {result["rule"]: result["money"] for result in verdict.get("results", ())}
    findings = [
        _with_care({**one, "sum": sums.get(one["rule"], one["money"])}, "")
        for one in recording.get("findings", ())
    ]
    return {
        "kind": "run",
        "currency": verdict.get("currency", USDT),
        "assets": _assets(recording["symbol"]) if recording else [],
        "title": f"{config['bot']}: {verdict.get('outcome', 'run')}",
        **_outcome(verdict),
        "headline": _kept(config["bot"], verdict),
        "sentence": headline.get("sentence") or "The run has no verdict.",
        "about": f"{config['bot']}{scenario}, seed {config['seed']}, "
        f"{span(found['seconds'])} simulated",
        "money": _headline(headline) if headline else None,
        "sections": sections_of(found),
        "again": found.get("again", ""),
        "stopped": found.get("stopped", ""),
        "traceback": verdict.get("traceback", ""),
        "results": verdict.get("results", []),
        "recording": recording,
        "findings": findings[:FINDINGS_MAX],
        "findings_left": max(0, len(findings) - FINDINGS_MAX),
    }


def _assets(symbol: str) -> tuple[str, str]:
    """What is traded in a market, and what is paid for it."""
    base, quote, settle = parse_symbol(symbol)
    return base, settle or quote


def _outcome(verdict: Mapping[str, Any]) -> dict[str, str]:
    """The mark at the top."""
    if verdict.get("crashed"):
        return {"outcome": "the bot died", "tone": "fail"}
    if not verdict:
        return {"outcome": "not judged", "tone": "not"}
    return CLEAN if verdict.get("clean") else FINDINGS


CLEAN = {"outcome": "clean", "tone": "pass"}
FINDINGS = {"outcome": "findings", "tone": "fail"}


def _kept(bot: str, verdict: Mapping[str, Any]) -> str:
    """The verdict in a few words."""
    outcomes = [result["outcome"] for result in verdict.get("results", ())]
    judged = len(outcomes) - outcomes.count("not judged")
    if not judged:
        return f"{bot}: nothing could be judged"
    broken = outcomes.count("fail")
    kept = rules_kept(bot, broken, judged)
    unaware = verdict.get("wrong") and not broken
    return f"{kept}, but is wrong about what it holds" if unaware else kept


def _headline(headline: Mapping[str, Any]) -> dict[str, str]:
    """The same sum and definition as in the terminal and in the file."""
    name, _, means = headline["means"].partition(": ")
    return _money(name, headline["money"], means)


def _money(name: str, value: float, means: str) -> dict[str, str]:
    return KeyFigure(name, amount(value), means)._asdict()


def _currency(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the money of grades or findings is counted in: as the first of them says."""
    return str(rows[0].get("currency", USDT)) if rows else USDT


# ---- a report card


def _card(found: Mapping[str, Any]) -> dict[str, Any]:
    grades: Sequence[Mapping[str, Any]] = found["grades"]
    failed = sorted((one for one in grades if not one["passed"]), key=lambda one: -one["money"])
    left, bot = found["wanted"] - len(grades), found["bot"]
    worst = failed[0] if failed else None
    currency = _currency(failed or grades)
    findings = [
        {"rule": rule, "text": text, "money": 0.0, "times": 1, "columns": []}
        for rule, text in found["baseline"].items()
    ]
    means = (
        "in the worst scenario: the largest of the sums that each money rule found there, and of "
        "what the bot is wrong about at the end; scenarios are not added up"
    )
    return EMPTY | {
        "kind": "card",
        "currency": currency,
        "title": f"{bot}: report card",
        **(FINDINGS if failed or findings else CLEAN),
        "headline": f"{bot} passes {len(grades) - len(failed)} of {len(grades)} scenarios",
        "sentence": _worst(worst),
        "about": f"{left} scenarios were not run: {_why_left(found)}" if left else "",
        "money": _money(f"{currency} {AT_RISK}", worst["money"] if worst else 0.0, means),
        "again": shlex.join(("failing-exchange", "run", "--bot", bot, "--all")),
        "findings": [_with_care(one, "") for one in findings],
        "failed": [_graded(one) for one in failed],
        "passed": [_graded(one) for one in grades if one["passed"]],
    }


def _why_left(found: Mapping[str, Any]) -> str:
    return "interrupted" if found["interrupted"] else str(found["broken_off"] or "ended early")


def _worst(worst: Mapping[str, Any] | None) -> str:
    if worst is None:
        return "No scenario breaks it."
    why = next(iter(worst["broken"].values()), worst["error"])
    return f"Worst: {worst['scenario']}. The bot {why}."


def _graded(one: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("scenario", "broken", "money", "error", "again")
    return {name: one[name] for name in kept} | {"family": _families().get(one["family"], "")}


def _families() -> dict[str, str]:
    """What the short names of families stand for."""
    from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS

    return dict(row.family.split(" ", 1) for row in KNOWN_INCIDENTS if " " in row.family)


# ---- an exploration


def _exploration(found: Mapping[str, Any]) -> dict[str, Any]:
    target = found.get("target", "")
    findings = [
        _with_care({**one, "sum": one["money"] or 0.0}, _replay(one))
        for one in found.get("findings", ())
    ]
    first, places, currency = next(iter(findings), None), len(findings), _currency(findings)
    return EMPTY | {
        "kind": "explore",
        "currency": currency,
        "title": f"explore {target}",
        **(FINDINGS if findings else CLEAN),
        "headline": f"{target} breaks rules at {places} place{'' if places == 1 else 's'}"
        if findings
        else f"{target} breaks no rule in {found.get('trials', 0):,} worlds",
        "sentence": f"First to mend: the bot {first['text']}." if first else "",
        "about": f"{found.get('ended', '')}; in {found.get('failed', 0):,} of "
        f"{found.get('trials', 0):,} worlds a rule was broken",
        "money": _money(
            f"{currency} {AT_RISK}",
            max((one["sum"] for one in findings), default=0.0),
            "in the one world where it was most; worlds are not added up",
        ),
        "sections": sections_of(found),
        "stopped": "; ".join(found.get("errors", ())),
        "results": _judged(found),
        "findings": findings[:FINDINGS_MAX],
        "findings_left": max(0, places - FINDINGS_MAX),
    }


def _judged(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each rule in all worlds together: broken somewhere, kept, or never judged and why."""
    findings, unjudged = found.get("findings", ()), found.get("unjudged", {})
    places = [one["rule"] for one in findings]
    beside = {rule for one in findings for rule in one.get("also", ())}
    return [
        {
            "rule": rule,
            "outcome": "fail"
            if rule in places or rule in beside
            else ("pass" if worlds else "not judged"),
            "why": "broken beside another rule"
            if rule in beside
            else (f"judged in {worlds:,} worlds" if worlds else unjudged.get(rule, "")),
            "times": places.count(rule),
            "money": 0.0,
        }
        for rule, worlds in found.get("judged", {}).items()
    ]


def _replay(finding: Mapping[str, Any]) -> str:
    return f"failing-exchange replay {finding['token']}" if finding.get("token") else ""


def _with_care(finding: Mapping[str, Any], replay: str) -> dict[str, Any]:
    return {**finding, "care": getattr(RULES.get(finding["rule"]), "care", ""), "replay": replay}


PAGES: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "run": _run,
    "replay": _run,
    "card": _card,
    "explore": _exploration,
}
