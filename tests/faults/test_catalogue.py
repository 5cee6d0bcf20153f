"""The catalogue: names, sentences, checked fields, and the documents that are written from it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from failing_exchange.core.reject import SENTENCES, Reason
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults import operations as ops
from failing_exchange.faults.catalogue import CATALOGUE, describe, fields_of, kind_of, make
from failing_exchange.faults.fields import spec_of
from failing_exchange.faults.known_incidents import KNOWN_INCIDENTS, By
from failing_exchange.faults.markdown import markdown
from failing_exchange.faults.stale_reads import READ_LAG_MAX
from failing_exchange.faults.triggers import parse

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_is_one_sentence_and_says_where_it_strikes(name: str) -> None:
    """The sentence is shown to users; a fault that needs two is two faults."""
    entry = CATALOGUE[name]
    assert entry.says.endswith(".")
    assert entry.says.count(". ") == 0
    assert "\n" not in entry.says
    assert entry.kind.stages
    assert entry.operations
    assert set(entry.operations) <= {*ops.ALL, *ops.CONNECTION_EVENTS}
    assert all(spec_of(one).says for one in fields(entry.kind))


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_goes_through_json_and_toml_and_comes_back(name: str) -> None:
    """Scenario files and recorded plans hold a name and plain fields, nothing else."""
    made = make(name)
    plain = json.loads(json.dumps(fields_of(made)))
    assert make(name, **plain) == made
    assert kind_of(made).name == name
    text = "\n".join(f"{key} = {_toml(value)}" for key, value in plain.items() if value is not None)
    assert make(name, **tomllib.loads(text)) == made


def _toml(value: Any) -> str:
    return json.dumps(value)


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    """Nobody knows sixty names by heart."""
    with pytest.raises(ConfigurationError, match="'lose_anser'.*did you mean 'lose_answer'"):
        make("lose_anser")
    with pytest.raises(ConfigurationError, match="no field 'second'; did you mean 'seconds'"):
        make("delay_answer", second=3)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("delay_answer", {"seconds": -1}),
        ("delay_answer", {"seconds": float("nan")}),
        ("delay_answer", {"seconds": True}),
        ("delay_answer", {"seconds": "soon"}),
        ("time_out", {"executed": "perhaps"}),
        ("partial_fill", {"fill_ratio": 0}),
        ("partial_fill", {"fill_ratio": 1.5}),
        ("partial_fill", {"complete_after": -3}),
        ("slip_price", {"max_slippage": 2}),
        ("reject_request", {"why": "bad mood"}),
        ("ban", {"refusals": 2.5}),
        ("ban", {"sticky": "yes"}),
        ("drop_fields", {"fields": []}),
        ("set_field", {"value": object()}),
        ("halt_market", {"status": "closed"}),
        ("reject_request", {"message": 7}),
    ],
)
def test_a_wrong_value_is_refused_when_the_fault_is_made(name: str, given: dict[str, Any]) -> None:
    """A test that arms nonsense must not pass for the wrong reason."""
    (field, value), *_ = given.items()
    with pytest.raises(ConfigurationError) as raised:
        make(name, **given)
    message = str(raised.value)
    assert field in message
    assert repr(value) in message
    assert "must be" in message


def test_a_lag_longer_than_the_ledger_can_be_read_back_is_refused() -> None:
    """Such a read would silently show something else."""
    make("stale_read", seconds=READ_LAG_MAX)
    with pytest.raises(ConfigurationError, match=f"from 0 to {READ_LAG_MAX:g}"):
        make("stale_read", seconds=READ_LAG_MAX + 1)


def test_spellings_that_files_and_tests_use_are_understood() -> None:
    """`true` for executed, names for reasons, one name for a list of one, never for None."""
    assert fields_of(make("time_out", executed=True)) == {"executed": "before"}
    assert fields_of(make("time_out", executed=False)) == {"executed": "after"}
    assert fields_of(make("reject_request", why="CLOCK_SKEW"))["why"] is Reason.CLOCK_SKEW
    assert fields_of(make("null_fields", fields="id"))["fields"] == ("id",)
    assert fields_of(make("partial_fill", complete_after="never"))["complete_after"] is None


def test_every_reason_has_words() -> None:
    """A refusal without a text would fail only when it strikes."""
    assert set(SENTENCES) == set(Reason)


def test_each_of_the_118_incidents_has_one_row_and_a_way() -> None:
    """The catalogue is measured by what has really happened to bots."""
    assert len(KNOWN_INCIDENTS) == 118
    assert len({row.name for row in KNOWN_INCIDENTS}) == 118
    for row in KNOWN_INCIDENTS:
        assert bool(row.recipes) == (row.by is By.FAULT), row.name
        assert row.note or row.recipes or row.wire, row.name
        assert row.wire or row.by is not By.WIRE, row.name
        for recipe in (*row.recipes, *row.wire):
            make(recipe.fault, **recipe.fields)
            assert set(recipe.on) <= set(ops.ALL)
            if recipe.when:
                parse(recipe.when)


def test_the_document_is_what_the_catalogue_says_now() -> None:
    """Mend it with `failing-exchange faults --markdown > docs/faults.md`."""
    assert DOCUMENT.read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("show", [describe, lambda: describe("ban")])
def test_the_catalogue_reads_as_text(show: Callable[[], str]) -> None:
    """What `failing-exchange faults` prints."""
    assert "banned" in show()
