"""What may come from a file: values and states of the exchange by a table, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from failing_exchange.core.commands import Credit
from failing_exchange.core.engine import HANDLERS, Engine
from failing_exchange.durable.command_log import ACTING
from failing_exchange.durable.serialize import (
    STATES,
    VALUES,
    Graph,
    from_graph,
    from_text,
    to_text,
)
from failing_exchange.faults.catalogue import ROWS
from failing_exchange.faults.modes import FailureMode, preset
from failing_exchange.journal.journal import Journal

FOREIGN = ("journal:Journal", "Journal", "Credit", "Path", "open", "engine.Engine")


@pytest.mark.parametrize("kind", ["record", "enum", "node"])
@pytest.mark.parametrize("name", FOREIGN)
def test_no_other_class_can_be_made(tmp_path: Path, kind: str, name: str) -> None:
    """A database attached to a bug report must not be able to empty a file."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    with pytest.raises(ValueError, match=r"is not|can't be read"):
        if kind == "node":
            from_graph(json.dumps([[name, {"path": str(victim)}]]), {})
        else:
            held = str(victim) if kind == "enum" else {"path": str(victim)}
            from_text(json.dumps([kind, name, held]))
    assert victim.read_text() == "precious"


def test_an_enum_is_made_of_enums_only() -> None:
    """Else a command could be made of whatever stands in the place of a value."""
    with pytest.raises(ValueError, match="can't be read"):
        from_text('["enum", "commands.Credit", "alice"]')


def test_a_state_has_no_attributes_that_python_reads() -> None:
    """Such as the class of the object."""
    with pytest.raises(ValueError, match="not an attribute of a state"):
        from_graph('[["state.State", {"__dict__": ["dict", []]}]]', {})


def test_what_is_not_listed_is_not_written_either() -> None:
    """What can be written can be read: a new class that is forgotten shows up in the first test."""
    for value in (Journal(), FailureMode.TIMEOUT):
        with pytest.raises(TypeError, match="can't be"):
            to_text(value)
    with pytest.raises(TypeError, match="define it in a module of core"):
        Graph({}).to_text(Engine([]))


def test_all_commands_that_act_are_listed() -> None:
    """The engine would take one that can't be kept."""
    assert set(VALUES.values()) >= ACTING
    assert set(HANDLERS) >= ACTING
    assert from_text(to_text(Credit("a", "BTC", 1))) == Credit("a", "BTC", 1)
    assert not set(VALUES) & set(STATES)


def test_all_faults_of_the_catalogue_and_all_modes_can_be_kept() -> None:
    """What is armed by name comes back."""
    modes = [mode for mode in FailureMode if mode is not FailureMode.NONE]
    for fault in [entry.kind() for entry in ROWS] + [preset(mode, {}).fault for mode in modes]:
        assert from_text(to_text(fault)) == fault
