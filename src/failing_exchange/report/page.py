"""The page: one HTML file that shows a run or an exploration, and needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from failing_exchange.errors import ConfigurationError

FINDINGS_MAX = 200  # on one page; the file holds the rest
# What a careful bot does, by the rule that was broken.
CARE = {
    "once": "names each order, and asks for it by that name before it sends anything again.",
    "resolves": "asks what became of an order by its client order id, until it is sure.",
    "converges": "reads its orders and fills from the venue now and then, and books each once.",
    "alive": "catches what one request can raise, and goes on with the next.",
    "backs_off": "remembers the instant that the venue named, for all of its requests.",
    "no_hot_loop": "changes a refused request, or waits longer each time.",
    "monotone": "books each trade by its id, and lets an ended order be.",
    "fresh": "looks at the age and the sense of a price before it trades on it.",
    "resyncs": "reads orders, fills and balances after a break, before its next order.",
    "obeys_filters": "reads the market's rules, rounds to them, and reads them anew when refused.",
    "keeps_time": "asks the venue for its time, and signs when the request leaves.",
    "covered": "places its stop at once, for what it holds; what can't be protected is sold.",
    "sells_free": "sells what it received, after fees, and what is free.",
    "books_fees": "books each fee in the asset in which it was charged.",
    "stops": "stops trading where no retry can help, and says so.",
}


def page(found: Mapping[str, Any]) -> str:
    """The page of what `run --output` or `explore --output` has written.

    Raises ConfigurationError for anything else.
    """
    if found.get("kind") == "explore":
        data = _exploration(found)
    elif isinstance(found.get("config"), Mapping):
        data = _run(found)
    else:
        raise ConfigurationError(
            "this is no result: expected what `run --output` or `explore --output` has written"
        )
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    parts = {
        "{{TITLE}}": escape(data["title"]),
        "{{CHARTS}}": _file("vendor/lightweight-charts.js").replace("</script", "<\\/script"),
        "{{SCRIPT}}": _file("page.js"),
        "{{DATA}}": text.replace("<", "\\u003c").replace("\u2028", "\\u2028"),
    }
    whole = _file("page.html")
    for name, part in parts.items():
        before, _, after = whole.partition(name)
        whole = before + part + after
    return whole


def _file(name: str) -> str:
    return (files("failing_exchange") / "report" / name).read_text(encoding="utf-8")


def _run(found: Mapping[str, Any]) -> dict[str, Any]:
    config, verdict = found["config"], found.get("verdict") or {}
    recording = found.get("recording") or {}
    scenario = f" in {config['scenario']}" if config.get("scenario") else ""
    findings = [_with_care(one, found.get("again", "")) for one in recording.get("findings", ())]
    return {
        "kind": "run",
        "title": f"{config['bot']}: {verdict.get('outcome', 'run')}",
        "sentence": verdict.get("sentence") or "The run has no verdict.",
        "about": f"{config['bot']}{scenario}, seed {config['seed']}, "
        f"{found['seconds'] / 3_600:.1f} hours simulated",
        "facts": _facts(found, verdict),
        "verdict": verdict,
        "recording": recording,
        "findings": findings[:FINDINGS_MAX],
    }


def _facts(found: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[tuple[str, str]]:
    exposures = verdict.get("exposure", {})
    unaware = sum(one["worst"] for one in exposures.values())
    seconds = sum(one["seconds"] for one in exposures.values())
    amounts = ", ".join(
        f"{one['worst_amount']:.6g} {symbol.split('/')[0]}"
        for symbol, one in exposures.items()
        if one.get("worst_amount")
    )
    amounts = f" ({amounts}), over {span(seconds)}" if amounts else ""
    faults, recovery = verdict.get("faults", 0), verdict.get("recovery_s")
    well = "nothing to recover from" if not faults else "not recovered from the last fault"
    return [
        ("USDT lost or at risk", f"{verdict.get('money', 0.0):,.2f}"),
        ("USDT that it is wrong about at the end", _amount(verdict.get("wrong"))),
        ("requests", f"{verdict.get('requests', 0):,}"),
        ("struck by faults", f"{verdict.get('faults', 0):,}"),
        ("orders placed", f"{verdict.get('placed', 0):,}"),
        ("orders it was never told of", f"{verdict.get('orphans', 0):,}"),
        (f"USDT traded without its being told, at worst{amounts}", f"{unaware:,.2f}"),
        ("wrong about its orders", f"{span(verdict.get('wrong_s', 0.0))}"),
        ("sent inside a wait or a ban", f"{verdict.get('requests_in_ban', 0):,}"),
        ("requests for each that was needed", f"{verdict.get('amplification', 1.0):.2f}"),
        ("to recover from the last fault", span(recovery)) if recovery is not None else (well, "–"),
    ]


def _amount(value: float | None) -> str:
    return "not known" if value is None else f"{value:,.2f}"


def span(seconds: float) -> str:
    """A duration for people, short.

    >>> span(0.4), span(75), span(5_400)
    ('0.4 s', '75 s', '1.5 h')
    """
    if seconds >= 3_600:
        return f"{seconds / 3_600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.0f} s" if seconds >= 1 or not seconds else f"{seconds:.1g} s"


def _exploration(found: Mapping[str, Any]) -> dict[str, Any]:
    findings = [
        _with_care(one, f"failing-exchange replay {one['token']}" if one.get("token") else "")
        for one in found.get("findings", ())
    ]
    worst = findings[0] if findings else None
    sentence = (
        f"Places of the bot that break a rule: {len(findings)}. First to mend: it {worst['text']}."
        if worst is not None
        else f"No rule was broken in {found.get('trials', 0):,} worlds."
    )
    return {
        "kind": "explore",
        "title": f"explore {found.get('target', '')}",
        "sentence": sentence,
        "about": f"{found.get('target', '')}, {found.get('ended', '')}",
        "facts": [
            ("worlds", f"{found.get('trials', 0):,}"),
            ("worlds in which a rule was broken", f"{found.get('failed', 0):,}"),
            ("hours simulated", f"{found.get('simulated_hours', 0.0):,.0f}"),
            ("situations met", f"{found.get('ground', 0):,}"),
        ],
        "verdict": None,
        "recording": None,
        "findings": findings[:FINDINGS_MAX],
    }


def _with_care(finding: Mapping[str, Any], replay: str) -> dict[str, Any]:
    return {**finding, "care": CARE.get(finding["rule"], ""), "replay": replay}
