"""Tokens come from elsewhere: what they hold is checked before anything of it is run."""

from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.cli.main import main
from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.token import PREFIX, Token
from failing_exchange.explorer.world import World, draw

GOOD: dict[str, Any] = {"target": "careful", "world": {"seed": 1, "seconds": 60.0}}
STRIKE = ["main", "create_order", "", 1, "5"]
PLAN = {"name": "x", "label": "x", "fault": "lose_answer", "fields": {}, "strikes": [STRIKE]}


def token_of(found: Any) -> str:
    """A token that holds any value."""
    text = found if isinstance(found, str) else json.dumps(found)
    return PREFIX + base64.urlsafe_b64encode(zlib.compress(text.encode())).decode().rstrip("=")


def with_world(**values: Any) -> dict[str, Any]:
    """A good token but for some values of its world."""
    return {**GOOD, "world": {**GOOD["world"], **values}}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([], "can't be read"),
        ("[" * 100_000, "can't be read"),
        ({**GOOD, "target": 5}, "target is 5"),
        ({**GOOD, "options": []}, "options is []"),
        ({**GOOD, "options": {"onec": {}}}, "no rule 'onec'"),
        ({**GOOD, "surprise": 1}, "surprise"),
        (with_world(seed="1"), "seed is '1'"),
        (with_world(seconds="60"), "seconds is '60'"),
        (with_world(seconds=-1), "seconds is -1"),
        (with_world(seconds=1e300), "seconds is 1e+300"),
        (with_world(latency="fast"), "latency is 'fast'"),
        (with_world(rate_limit=0.5), "rate_limit is 0.5"),
        (with_world(timeout=None), "timeout is None"),
        (with_world(balances=[1]), "balances must be a mapping"),
        (with_world(balances={"usdt": 5}), "did you mean 'USDT'?"),
        (with_world(restarts=["x"]), "restarts is ('x',)"),
        (with_world(intents=[1]), "intent 1"),
        (with_world(faults=[["lose_anser", "", [], {}]]), "lose_answer"),
        (with_world(faults=[["lose_answer", "nth(", [], {}]]), "nth("),
        (with_world(faults=[["lose_answer", "", ["create_odrer"], {}]]), "create_order"),
        (with_world(faults=[["lose_answer", "", [], {"x": 1}]]), "x"),
        (with_world(faults=[1]), "can't be read"),
        (with_world(plan=[{**PLAN, "fault": "journal:Journal"}]), "cannot import 'journal'"),
        (with_world(plan=[{**PLAN, "strikes": [["main"]]}]), "recorded plan"),
        (with_world(plan=["x"]), "recorded plan"),
    ],
)
def test_a_malformed_token_is_refused_in_a_sentence(
    found: Any, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which value it is, and nothing was run: no traceback, no half of a run."""
    assert main(["replay", token_of(found)]) == 2
    told = capsys.readouterr()
    assert says in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert not told.out


@pytest.mark.parametrize("seed", range(40))
def test_worlds_that_are_drawn_pass_the_check(seed: int) -> None:
    """Or a finding could not be replayed."""
    for venue in ("", "binance"):
        world = draw(seed, seconds=3_600.0, venue=venue, intents=True)
        assert Token.parse(str(Token(target="careful", world=world))).world == world


def test_a_replay_names_the_file_that_it_is_about_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that somebody has sent may name any file of the machine; one's own need no word."""
    path = tmp_path / "theirs.py"
    path.write_text("print('ran')\n\nasync def main(exchange):\n    pass\n")
    token = str(Token(target=f"{path}:main", world=World(seed=1, seconds=1.0)))
    main(["replay", token])
    said = capsys.readouterr().out
    assert str(path) in said
    assert said.index(str(path)) < said.index("ran")
    monkeypatch.chdir(tmp_path)
    main(["replay", token])
    assert "outside the working directory" not in capsys.readouterr().out


def test_a_file_that_is_no_token_is_named(tmp_path: Path) -> None:
    """In a folder of known failures, of which one was damaged."""
    with pytest.raises(ConfigurationError, match="can't be read"):
        Token.parse(token_of({}))
