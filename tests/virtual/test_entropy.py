"""Chance of the process is a function of the seed, and is itself again afterwards."""

from __future__ import annotations

import os
import random
import secrets
import uuid
from typing import Any

import aiohttp.http_websocket  # noqa: F401  its masks are seeded as well
import numpy
import pytest

from failing_exchange.virtual.entropy import _mask_generators, seeded


def draws() -> list[Any]:
    drawn: list[Any] = [
        os.urandom(100),
        uuid.uuid4(),
        secrets.token_hex(8),
        random.random(),
        random.Random().random(),
        random.SystemRandom().random(),
        numpy.random.random(),
        numpy.random.default_rng().random(),
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


def test_an_unseeded_generator_shifts_no_other_modules_numbers() -> None:
    """A module that makes one at import does so in the first run of a process only."""
    with seeded(7):
        first = random.Random().random()
    with seeded(7):
        exec("import random; random.Random()", {"__name__": "another_module"})
        assert random.Random().random() == first


def test_sizes_are_as_asked() -> None:
    """Like os.urandom."""
    with seeded(1):
        assert [len(os.urandom(size)) for size in (0, 1, 64, 65)] == [0, 1, 64, 65]
        with pytest.raises(ValueError, match="negative"):
            os.urandom(-1)
