"""Chance of the process is a function of the seed, and is itself again afterwards."""

from __future__ import annotations

import os
import random
import secrets
import uuid
from typing import Any

import aiohttp.http_websocket  # noqa: F401  its masks are seeded as well
import pytest

from failing_exchange.virtual.randomness import _mask_generators, seeded


def draws() -> list[Any]:
    drawn: list[Any] = [
        os.urandom(100),
        uuid.uuid4(),
        secrets.token_hex(8),
        random.random(),
        random.Random().random(),
        random.SystemRandom().random(),
        [generator.random() for generator in _mask_generators()],
    ]
    random.seed()
    return [*drawn, random.random()]


def test_every_source_is_a_function_of_the_seed() -> None:
    """Client order ids, back-off jitter, WebSocket masks."""
    with seeded(7):
        first = draws()
    with seeded(7):
        assert draws() == first
    with seeded(8):
        others = draws()
    assert all(one != other for one, other in zip(first, others, strict=True))


@pytest.mark.parametrize(
    "name", ["failing_exchange.resilience.retrying_placement", "failing_exchange.a"]
)
def test_a_module_of_ours_that_moves_draws_the_same(name: str) -> None:
    """A seed in somebody's test names the same client order ids in every release."""
    drawing: dict[str, Any] = {"__name__": name, "uuid": uuid}
    exec("def draw():\n    return uuid.uuid4().hex", drawing)
    with seeded(7):
        assert drawing["draw"]() == "94c3f5462ede4f29af5ebbd5c098d504"


def test_numpys_global_generator_follows_too() -> None:
    """Many a strategy draws from it."""
    numpy = pytest.importorskip("numpy")

    def numbers() -> tuple[float, float]:
        return float(numpy.random.random()), float(numpy.random.default_rng().random())

    with seeded(7):
        first = numbers()
    with seeded(7):
        assert numbers() == first
    assert numbers() != first


def test_every_source_is_itself_again_afterwards() -> None:
    """Also when the run failed."""
    random.seed(5)
    expected = random.Random(5).random()
    before = (os.urandom, random.Random.seed, random.seed)
    with pytest.raises(ZeroDivisionError), seeded(7):
        draws()
        raise ZeroDivisionError
    assert (os.urandom, random.Random.seed) == before[:2]
    assert random.seed == before[2]
    assert random.random() == expected
    assert os.urandom(16) != os.urandom(16)


def test_what_one_module_draws_shifts_nobody_elses_numbers() -> None:
    """A module that draws at import does so in the first run of a process only."""
    with seeded(7):
        first = (random.Random().random(), uuid.uuid4())
    with seeded(7):
        code = "import random, uuid; random.Random(); drawn = uuid.uuid4()"
        namespace = {"__name__": "another_module"}
        exec(code, namespace)
        assert (random.Random().random(), uuid.uuid4()) == first
    assert namespace["drawn"] != first[1]


def test_sizes_are_as_asked() -> None:
    """Like os.urandom."""
    with seeded(1):
        assert [len(os.urandom(size)) for size in (0, 1, 64, 65)] == [0, 1, 64, 65]
        with pytest.raises(ValueError, match="negative"):
            os.urandom(-1)
