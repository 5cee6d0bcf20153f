"""Damaged journals: what is wrong is told in one sentence, and nothing else is ever read."""

from __future__ import annotations

import contextlib
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from failing_exchange import FailingExchange
from failing_exchange.durable.checksums import row_sum
from failing_exchange.durable.durable_journal import DurableJournal
from failing_exchange.durable.sqlite_store import TABLES, SqliteStore
from failing_exchange.errors import ConfigurationError
from tests.test_durable import S, commit, run

NAMES = [part.split()[2] for part in TABLES.split(";") if part.strip()]


async def lived(path: Path, *, orders: int = 18, **options: Any) -> list[Any]:
    """A venue that has lived a little, with a bit of everything in its journal; its orders."""
    journal = DurableJournal(path, **{"snapshot_every": 10, **options})
    exchange = FailingExchange(seed=7, background=False, journal=journal)
    exchange.arm("lose_answer", name="lost", operations="fetch_status")
    exchange.set_rate_limit(6_000)
    for n in range(orders):
        await exchange.create_order(S, "limit", "buy", 0.01, 30_000 + n)
        if n % 5 == 4:
            commit(exchange)
    found: list[Any] = await exchange.fetch_open_orders()
    await exchange.close()
    return found


async def orders_of(path: Path) -> list[Any]:
    """The open orders of the venue that comes back; it must be able to go on, too."""
    exchange = FailingExchange(background=False, journal=DurableJournal(path))
    try:
        found: list[Any] = await exchange.fetch_open_orders()
        await exchange.create_order(S, "limit", "buy", 0.01, 20_000)
        commit(exchange)
        return found
    finally:
        await exchange.close()


def told(path: Path) -> str | None:
    """What is said of a damaged journal: one line; None where nothing of what counts is damaged."""
    try:
        assert run(orders_of(path)) == TRUTH["orders"]
    except ConfigurationError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
        return str(error)
    return None


TRUTH: dict[str, Any] = {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal that is whole."""
    path = tmp_path_factory.mktemp("whole") / "run.db"
    TRUTH["orders"] = run(lived(path))
    assert len(TRUTH["orders"]) == 18
    return path.read_bytes()


def flipped(whole: bytes, folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Copies of a journal with one bit of each turned round, spread over the whole of it."""
    rng, path = random.Random(seed), folder / "run.db"
    for n in range(count):
        for one in folder.iterdir():
            one.unlink()
        at = (len(whole) * n + rng.randrange(len(whole))) // count
        data = bytearray(whole)
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        yield path


def test_a_flipped_bit_is_told_or_harmless(whole: bytes, tmp_path: Path) -> None:
    """A bad disk or a bad copy ends in a sentence; never in a traceback, or in other orders."""
    said = [told(path) for path in flipped(whole, tmp_path, 12, seed=1)]
    assert 0 < sum(text is not None for text in said) < 12


@pytest.mark.slow
def test_many_flipped_bits_are_told_or_harmless(whole: bytes, tmp_path: Path) -> None:
    """The same more often."""
    said = [told(path) for path in flipped(whole, tmp_path, 1_000, seed=2)]
    assert sum(text is not None for text in said) > 100


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_journal_that_was_cut_off_is_told(whole: bytes, tmp_path: Path, share: float) -> None:
    """As by a copy that was interrupted."""
    (tmp_path / "run.db").write_bytes(whole[: int(len(whole) * share)])
    assert re.search("damaged|malformed", str(told(tmp_path / "run.db")))


# ---- rows


def rows(whole: bytes, folder: Path, most: int) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Of so many rows of each table: a statement that damages one, and its arguments."""
    path = folder / "whole.db"
    path.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(path)) as db:
        for table in NAMES:
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            keys = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5]]
            where = " AND ".join(f"{key} = ?" for key in keys)
            every = db.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
            for found in every[:: max(1, -(-len(every) // most))]:
                yield table, f"DELETE FROM {table} WHERE {where}", found
                for column in columns:
                    statement = f"UPDATE {table} SET {column} = ? WHERE {where}"
                    yield table, statement, (2**63 - 1, *found)


def damage(whole: bytes, path: Path, statement: str, values: tuple[Any, ...] = ()) -> bool:
    """Write a copy with one row damaged; whether that has changed anything."""
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    path.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        try:
            before = db.total_changes
            db.execute(statement, values)
            db.commit()
        except sqlite3.IntegrityError:  # SQLite itself keeps two rows of one name out
            return False
        return db.total_changes > before


@pytest.mark.parametrize("most", [1, pytest.param(100, marks=pytest.mark.slow)])
def test_each_damaged_row_is_told(whole: bytes, tmp_path: Path, most: int) -> None:
    """One row that is missing or changed is an order that differs, or a counter that lies."""
    path, unseen, seen = tmp_path / "run.db", [], dict.fromkeys(NAMES, 0)
    for table, statement, values in rows(whole, tmp_path, most):
        if damage(whole, path, statement, values):
            seen[table] += 1
            if not is_noticed(path):
                unseen.append((statement, values))
    assert unseen == []
    assert all(seen.values())


def is_noticed(path: Path) -> bool:
    """Whether reading all of a journal says that something is wrong with it."""
    try:
        with contextlib.closing(SqliteStore(path)) as store:
            snapshot = store.snapshot()
            after = (snapshot.number, snapshot.chain) if snapshot else (0, 0)
            for found in (store.commands(*after), store.trips()):
                assert list(found)
    except ConfigurationError as error:
        assert "\n" not in str(error)
        return True
    return False


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM commands WHERE number = 17", "command 17 is missing"),
        ("DELETE FROM commands", "holds commands up to 11, and 19"),
        ("UPDATE commands SET at = at + 1 WHERE number = 17", "command 17 is not what was written"),
        ("UPDATE meta SET value = '9223372036854775807' WHERE name = 'at'", "table meta"),
        ("DELETE FROM kinds WHERE operation = 'create_order'", "table kinds"),
        ("DELETE FROM rules", "table rules"),
        ("DROP TABLE rules", "no such table: rules"),
        ("DELETE FROM sums", "do not add up"),
    ],
)
def test_what_is_damaged_is_named(whole: bytes, tmp_path: Path, statement: str, says: str) -> None:
    """So that its owner knows whether a copy is needed."""
    path = tmp_path / "run.db"
    assert damage(whole, path, statement) or "DROP" in statement
    assert says in str(told(path))


# ---- files made on purpose: all their sums are right


def forged(whole: bytes, path: Path, table: str, statement: str, *values: Any) -> None:
    """Damage a row, and make the sums right again."""
    damage(whole, path, statement, values)
    with contextlib.closing(sqlite3.connect(path)) as db:
        if table == "commands":
            chain, number = db.execute("SELECT chain, number FROM snapshots").fetchone()
            for row in db.execute("SELECT number, at, events, command FROM commands").fetchall():
                number, chain = row[0], row_sum(chain, *row)
                db.execute("UPDATE commands SET chain = ? WHERE number = ?", (chain, number))
            db.execute("UPDATE sums SET last = ?, sum = ? WHERE name = ?", (number, chain, table))
        else:
            total = 0
            for row in db.execute(f"SELECT * FROM {table}"):
                total ^= row_sum(table, *row)
            db.execute("UPDATE sums SET sum = ? WHERE name = ?", (total, table))
        db.commit()


COMMAND = "UPDATE commands SET command = ?"


@pytest.mark.parametrize(
    ("table", "statement", "value", "says"),
    [
        ("meta", "UPDATE meta SET value = ? WHERE name = 'at'", str(2**63 - 1), "at = "),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'at'", str(2**62), "can't have lived"),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'birth'", "0", "can't have lived"),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'seed'", '"7"', "seed = "),
        ("meta", "INSERT INTO meta VALUES ('more', ?)", "1", "nobody has asked for 'more'"),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'counters'", '{"sinks": 1}', "counters"),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'gates'", '{"rate": 1}', "TypeError"),
        ("meta", "UPDATE meta SET value = ? WHERE name = 'labels'", "[" * 100_000, "Recursion"),
        ("rules", "UPDATE rules SET rule = ?", "[]", "TypeError"),
        ("commands", COMMAND, '["record","Path",{}]', "'Path' is no"),
        ("commands", COMMAND, '["record","queries.FetchTime",{"account":""}]', "not a command"),
        ("commands", COMMAND, '["enum","order.Side","buy"]', "is not a command"),
        ("commands", COMMAND, '["record","commands.PlaceOrder",{}]', "TypeError"),
        ("commands", "UPDATE commands SET at = ?", 2**63 - 1, "is from 9223372036854775807, not"),
        ("commands", "UPDATE commands SET events = ?", 3, "another version of the code"),
    ],
)  # fmt: skip
def test_what_no_venue_has_written_is_told(
    whole: bytes, tmp_path: Path, table: str, statement: str, value: Any, says: str
) -> None:
    """A database attached to a bug report may have been made by anybody."""
    path = tmp_path / "run.db"
    forged(whole, path, table, statement, value)
    assert says in str(told(path))


def test_a_snapshot_of_other_code_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable installation changes its classes under the same release."""
    path = tmp_path / "run.db"
    run(lived(path))
    monkeypatch.setattr("failing_exchange.durable.metadata.code", lambda: "other")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"other code \(release .*and the commands"):
            run(orders_of(path))


def test_without_a_snapshot_other_code_carries_out_all_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as it does the same as the code before it."""
    path = tmp_path / "run.db"
    orders = run(lived(path, snapshot_every=1_000))
    monkeypatch.setattr("failing_exchange.durable.metadata.code", lambda: "other")
    assert run(orders_of(path)) == orders


def test_commands_in_a_snapshot_are_pruned(tmp_path: Path) -> None:
    """They are never needed again, and would fill the disk."""
    path = tmp_path / "run.db"
    orders = run(lived(path, orders=40))
    with contextlib.closing(sqlite3.connect(path)) as db:
        (snapshot,) = db.execute("SELECT number FROM snapshots").fetchone()
        found = [number for (number,) in db.execute("SELECT number FROM commands ORDER BY number")]
    assert snapshot >= 30
    assert found == list(range(snapshot + 1, 42))  # 40 orders, and the opening of the account
    assert run(orders_of(path)) == orders


def test_a_refused_journal_says_the_same_again(whole: bytes, tmp_path: Path) -> None:
    """The second call of a bot must not find a closed database."""
    path = tmp_path / "run.db"
    assert damage(whole, path, "DELETE FROM commands WHERE number = 17")

    async def story() -> None:
        exchange = FailingExchange(background=False, journal=DurableJournal(path))
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="command 17 is missing"):
                await exchange.fetch_balance()

    run(story())


def test_a_damaged_schema_is_one_line(whole: bytes, tmp_path: Path) -> None:
    """SQLite quotes the statement, which has several."""
    path = tmp_path / "run.db"
    path.write_bytes(whole.replace(b"CREATE TABLE commands", b"CREATE TABLE comma`ds"))
    text = told(path)
    assert text is not None
    assert "malformed database schema" in text
