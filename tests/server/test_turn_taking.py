"""Costly requests take turns, so that one heavy client does not keep the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from failing_exchange.server.turn_taking import Turns
from tests.venues.binance.raw import API, Place, at

CANDLES = "/api/v3/klines?symbol=BTCUSDT&interval=1M&limit=1000&timeZone=5:4{n}"


class Clock:
    """Real time, as far as anybody asks; it goes on as work is done."""

    is_virtual = False

    def __init__(self) -> None:
        self.at = 1

    def now(self) -> int:
        """Nanoseconds."""
        return self.at


def test_the_connection_that_has_used_least_goes_first() -> None:
    """Also before those that have waited longer: a small question passes large ones."""

    async def main() -> list[str]:
        clock: Any = Clock()
        turns, done = Turns(clock), list[str]()

        def work(name: str, steps: int, cost: int) -> Iterator[None]:
            for _ in range(steps):
                clock.at += cost
                done.append(name)
                yield

        small = turns.share()
        turns.take(small, work("small", 1, 1))
        for n in range(3):
            turns.take(turns.share(), work(f"large {n}", 3, 100))
        while len(done) < 3:
            await asyncio.sleep(0)
        turns.take(small, work("small", 1, 1))
        while len(done) < 11:
            await asyncio.sleep(0)
        return done

    done = asyncio.run(main())
    assert done[:3] == ["small", "large 0", "large 1"]
    assert done.index("small", 1) <= 4
    assert sorted(done) == sorted([f"large {n}" for n in range(3)] * 3 + ["small"] * 2)


def test_many_new_connections_get_one_share() -> None:
    """A client that comes anew for each request takes half of the turns, not all but one."""

    async def main() -> list[str]:
        clock: Any = Clock()
        turns, done = Turns(clock), list[str]()

        def work(name: str, steps: int) -> Iterator[None]:
            for _ in range(steps):
                clock.at += 100
                done.append(name)
                yield

        stays = turns.share()
        turns.take(stays, work("before", 1))
        while turns._taken:
            await asyncio.sleep(0)
        done.clear()
        for n in range(20):
            turns.take(turns.share(), work(f"new {n}", 10))
        turns.take(stays, work("stays", 10))
        while done.count("stays") < 10:
            await asyncio.sleep(0)
        return done

    assert len(asyncio.run(main())) <= 22


def test_of_new_connections_the_smaller_request_is_answered_first() -> None:
    """Also a client that is new itself does not wait until all the others are served."""

    async def main() -> list[str]:
        clock: Any = Clock()
        turns, done = Turns(clock), list[str]()

        def work(name: str, steps: int) -> Iterator[None]:
            for _ in range(steps):
                clock.at += 100
                done.append(name)
                yield

        for n in range(20):
            turns.take(turns.share(), work(f"large {n}", 10))
        while len(done) < 100:  # half of the work is done
            await asyncio.sleep(0)
        turns.take(turns.share(), work("small", 4))
        while done.count("small") < 4:
            await asyncio.sleep(0)
        return done

    assert len(asyncio.run(main())) <= 106


def test_a_new_connection_is_answered_though_many_stay() -> None:
    """It had one share in twenty, and waited as often as long as it worked: half a minute."""

    async def main() -> list[str]:
        clock: Any = Clock()
        turns, done = Turns(clock), list[str]()

        def work(name: str) -> Iterator[None]:
            clock.at += 100
            done.append(name)
            yield

        staying = [turns.share() for _ in range(20)]
        for share in staying:
            turns.take(share, work("before"))
        while turns._taken:
            await asyncio.sleep(0)
        done.clear()
        for n in range(15):
            turns.take(turns.share(), work(f"new {n}"))
        while "new 14" not in done:
            for share in staying:
                if not share.waiting:
                    turns.take(share, work("stays"))
            await asyncio.sleep(0)
        return done

    assert len(asyncio.run(main())) <= 60


def test_in_virtual_time_nobody_waits() -> None:
    """Work takes no time there, and an order of turns would be one more thing to reproduce."""
    clock: Any = Clock()
    clock.is_virtual = True
    turns, done = Turns(clock), list[int]()

    def work(n: int) -> Iterator[None]:
        for _ in range(2):
            done.append(n)
            yield

    for n in range(3):
        assert turns.take(turns.share(), work(n))
    assert done == [0, 0, 1, 1, 2, 2]


def test_another_is_answered_in_between() -> None:
    """Twenty requests for candles that arrive together cost others one step, not twenty."""

    async def story(place: Place) -> list[str]:
        heavy, light = [await place.connect() for _ in range(20)], await place.connect()
        for n, line in enumerate(heavy):
            line.say(f"GET {CANDLES.format(n=n % 10)} HTTP/1.1\r\nHost: here\r\n\r\n")
        light.say("GET /api/v3/time HTTP/1.1\r\nHost: here\r\n\r\n")
        await light.until(b"serverTime")
        for line in heavy:
            assert (await line.head()).startswith(b"HTTP/1.1 200 ")
        trips = place.exchange.journal.trips
        return [trip.operation for trip in trips if trip.operation.startswith("fetch_")]

    operations = at("port", story)
    assert len(operations) == 21
    assert operations.index("fetch_time") <= 2


def test_what_comes_after_a_costly_request_on_a_socket_is_answered_behind_it() -> None:
    """The connection waits for its turn, and goes on."""

    async def story(place: Place) -> list[bytes]:
        lines = [await place.upgraded(API) for _ in range(3)]
        for line in lines:
            for n in range(4):
                params = {"symbol": "BTCUSDT", "interval": "1d", "timeZone": f"0:0{n}"}
                line.send({"id": n, "method": "klines", "params": params})
            line.send({"id": 9, "method": "time"})
        return [await line.until(b'"id":9') for line in lines]

    for got in at("port", story):
        places = [got.find(b'"id":%d' % n) for n in (0, 1, 2, 3, 9)]
        assert -1 < places[0] < places[1] < places[2] < places[3] < places[4]
