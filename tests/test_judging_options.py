"""`--rules`, `--ignore`, `--set`, `--client-ids`: what a bot is judged by is the user's choice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from failing_exchange.cli.main import main as command
from failing_exchange.explorer import replay_token, targets
from failing_exchange.explorer.search import Exploration, Options, explore
from failing_exchange.explorer.token import Token
from failing_exchange.explorer.trial import RunRequest
from failing_exchange.explorer.world import FaultSpec, World

LOST = World(seed=1, seconds=300.0, faults=(FaultSpec("lose_answer", "nth(1)", ("create_order",)),))
TWICE = '''
import ccxt

async def main(exchange):
    """Send each order up to three times, by names that say which order it is."""
    for tries in range(3):
        try:
            await exchange.create_order(
                "BTC/USDT", "market", "buy", 0.01, None, {"clientOrderId": f"entry-{tries}"}
            )
            return
        except ccxt.NetworkError:
            continue
'''


@pytest.fixture
def twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bot that repeats a lost order under another client id."""
    (tmp_path / "twice.py").write_text(TWICE)
    monkeypatch.chdir(tmp_path)
    return "twice.py:main"


def broken(bot: str, world: World, rules: dict[str, object]) -> tuple[str, ...]:
    """What the bot breaks in a world, judged by these rules."""
    return targets.load(bot).run(RunRequest(world=world, rule_options=rules)).broken


def test_a_rule_that_is_left_out_is_not_judged(twice: str) -> None:
    """An author who accepts a risk wants to see the others."""
    assert "resolves" in broken(twice, LOST, {})
    assert "resolves" not in broken(twice, LOST, {"resolves": None})


def test_client_ids_declare_what_an_order_is_for(twice: str) -> None:
    """A bot that says nothing else tells by its names that two orders are one intent."""
    assert "once" not in broken(twice, LOST, {})
    world = World(**{**vars(LOST), "client_ids": r"(.*)-\d+"})
    assert "once" in broken(twice, world, {})
    assert World.of(json.loads(json.dumps(world.as_dict()))) == world


def test_a_token_remembers_what_was_judged(twice: str) -> None:
    """A replay that judged by other rules would show another verdict."""
    world = World(**{**vars(LOST), "client_ids": r"(.*)-\d+"})
    token = Token(target=twice, world=world, rule="once", options={"resolves": None})
    found = replay_token.replay(str(token))
    assert found.broken
    assert "resolves" not in found.result.broken


def explored(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Options:
    """The options that reach the search."""
    given: list[Options] = []

    def noted(options: Options, **_: object) -> Exploration:
        given.append(options)
        return Exploration(options=options)

    monkeypatch.setattr("failing_exchange.explorer.search.explore", noted)
    command(["explore", "careful", *arguments])
    return given[0]


def test_the_options_choose_rules_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--rules` names those that stay, `--ignore` those that go."""
    assert explored(monkeypatch, "--set", "fresh.age_s=5").rules == {"fresh": {"age_s": 5}}
    given = explored(monkeypatch, "--ignore", "no_hot_loop, fresh", "--client-ids", "(.*)-1")
    assert given.rules == {"no_hot_loop": None, "fresh": None}
    assert given.client_ids == "(.*)-1"
    only = explored(monkeypatch, "--rules", "once,alive").rules
    assert [name for name in ("once", "alive", "fresh", "stops") if name in only] == [
        "fresh", "stops",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--ignore", "onec"], "--ignore: no rule 'onec'; did you mean 'once'?"),
        (["--rules", "once", "--ignore", "once"], "no rule is left to judge by"),
        (["--rules", "once", "--set", "fresh.age_s=5"], "the rule fresh is left out"),
        (["--set", "fresh.age=5"], "are not its parameters; it has: age_s"),
        (["--set", "fresh.age_s=old"], "age_s is 'old'; expected a number, like 30.0"),
        (["--set", "fresh.age_s=true"], "age_s is True; expected a number"),
        (["--client-ids", "["], "client_ids '[' is not a regular expression"),
        (["--client-ids", "x"], "client_ids 'x' needs a group"),
    ],
)
def test_a_wrong_choice_is_told_before_anything_runs(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the value, and with what there is."""
    for name in (["explore", "careful"], ["run"]):
        assert command([*name, *arguments]) == 2
        assert error in capsys.readouterr().err


def test_a_run_repeats_the_choice(
    twice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its results name the command that gives the same verdict."""
    line = [
        "run", "--bot", twice, "--mode", "NONE", "--duration", "60", "--output", "r.json",
        "--ignore", "fresh", "--set", "stops.orders=5", "--client-ids", "(.*)-.",
    ]  # fmt: skip
    assert command(line) == 0
    again = json.loads((tmp_path / "r.json").read_text())["again"]
    assert "--ignore fresh --set stops.orders=5 --client-ids '(.*)-.'" in again
    assert command(["replay", "r.json"]) == 0
    assert "the same as recorded" in capsys.readouterr().out


def test_a_search_counts_only_what_is_judged(twice: str) -> None:
    """Findings of a rule that was left out would be noise."""
    found = explore(Options(target=twice, seeds=6, seconds=120.0, jobs=1, rules={"resolves": None}))
    assert "resolves" not in found.judged
    assert "once" in found.judged
