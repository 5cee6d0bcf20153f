"""The exchange says why and with which values; the words are the venue's, or plain English."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from failing_exchange.core.reject import OrderRule, Reason, Refusal, Reject, sentence_of
from failing_exchange.venues.binance import codes
from tests.sources import check, modules, place, tree

CORE = {name: path for name, path in modules().items() if name.startswith("core.")}
WORDS = {text for _, text in (*codes.REASONS.values(), *codes.RULES.values())}
OTHERS = ("rule", "code", "until")  # what a refusal is given besides its values
ASSETS = {"BNB", "BTC", "ETH", "USDT"}


def raised(path: Path) -> Iterator[tuple[Reason, bool, ast.Call]]:
    """The refusals that a module makes: why, whether in free text, and where."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(func=ast.Name("Reject"), args=[ast.Attribute(attr=why), *rest]):
                if why in Reason.__members__:
                    yield Reason[why], bool(rest), node


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of all strings of a module but its docstrings."""
    nodes = list(ast.walk(tree(path)))
    docstrings = [node.value for node in nodes if isinstance(node, ast.Expr)]
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if node not in docstrings:
                yield node.lineno, text


def test_each_refusal_of_the_exchange_has_a_sentence() -> None:
    """Only operators' commands are answered in free text: no client is told it."""

    def complaints() -> Iterator[str]:
        for path in CORE.values():
            for reason, is_free, call in raised(path):
                names = [str(k.arg) for k in call.keywords if k.arg not in OTHERS]
                where = place(path, call.lineno)
                if is_free and reason is not Reason.BAD_REQUEST:
                    yield f"{where}: words for {reason}; give values, and a sentence in SENTENCES"
                if not is_free and sentence_of(reason, names) is None:
                    yield f"{where}: no sentence in SENTENCES for {reason} with {names}"

    check(complaints())


def test_the_core_speaks_no_venues_words() -> None:
    """Another venue would inherit them."""
    check(
        f"{place(path, line)}: {text!r} is for a venue to say or to know"
        for path in CORE.values()
        for line, text in texts(path)
        if text in ASSETS or any(words[:-1] in text for words in WORDS)
    )


def test_a_venue_says_what_it_likes_about_the_values() -> None:
    """The reason, the rule and the values are there for its words; its code is its own."""
    no = Reject(Reason.INVALID_AMOUNT, rule=OrderRule.AMOUNT, amount="0.5 BTC", minimum="1")
    assert (no.text, no.values["minimum"]) == (
        "Invalid amount: 0.5 BTC is below the minimum 1", "1"
    )  # fmt: skip
    assert str(no) == no.text
    own = Reject(Reason.BAD_REQUEST, "EService:Busy", code="BUSY", until=5)
    assert Refusal(own.reason, own.text, own.code, own.until).as_reject() == own
    assert own != Reject(Reason.BAD_REQUEST, "EService:Busy", until=5)


def test_any_reason_can_be_given_with_nothing_but_a_symbol() -> None:
    """As an armed fault does, which has not looked at the order."""
    for reason in Reason:
        text = Reject(reason, symbol="BTC/USDT").text
        assert text and "{" not in text
        assert text != reason
