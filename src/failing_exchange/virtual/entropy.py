"""Chance of the process, seeded: os.urandom (so uuid4 and secrets), random, numpy, WebSocket masks."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from hashlib import blake2b
from importlib import import_module
from typing import Any

from ..core.chance import key, mix
from .aliases import Aliases

REAL_URANDOM = os.urandom

_stream: EntropyStream | None = None  # the one in force


class EntropyStream:
    """Bytes that look random and are a function of the seed and of what was drawn before."""

    def __init__(self, seed: int, purpose: str) -> None:
        self._key = key("entropy", seed, purpose).to_bytes(8, "big")
        self._drawn = 0

    def draw(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size < 0:
            raise ValueError("negative argument not allowed")
        blocks = []
        for _ in range(0, size, 64):
            self._drawn += 1
            blocks.append(blake2b(self._drawn.to_bytes(16, "big"), key=self._key).digest())
        return b"".join(blocks)[:size]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Every usual source of chance is a function of `seed` while the block runs.

    Afterwards all is as before, the state of `random` and numpy's global generator included.
    Generators in C that ask the system by themselves (OpenSSL's) stay as they are.
    """
    with ExitStack() as undo:
        undo.callback(_forget_stream)
        _set_stream(EntropyStream(seed, "os.urandom"))
        undo.enter_context(_aliases().replaced())
        undo.callback(random.setstate, random.getstate())
        random.seed(key("random", seed))
        undo.enter_context(_unseeded_generators(seed))
        undo.enter_context(_numpy(seed))
        undo.enter_context(_websocket_masks(seed))
        yield


def _set_stream(stream: EntropyStream | None) -> None:
    global _stream
    _stream = stream


def _forget_stream() -> None:
    _set_stream(None)


def urandom(size: int, /) -> bytes:
    """os.urandom, from the stream in force if there is one."""
    return REAL_URANDOM(size) if _stream is None else _stream.draw(size)


@cache
def _aliases() -> Aliases:
    return Aliases({REAL_URANDOM: urandom})


@contextmanager
def _unseeded_generators(seed: int) -> Iterator[None]:
    """`random.Random()` and `random.seed()` would ask the system, in C.

    Each draws from a stream of the module that calls, so that a module which is imported in one run
    and known from before in another shifts nobody else's numbers.
    """
    counts: dict[str, int] = {}
    real_seed = random.Random.seed

    def seed_or_draw(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None:
            caller = _calling_module()
            counts[caller] = counts.get(caller, 0) + 1
            a = mix(key("generator", seed, caller), counts[caller])
        real_seed(self, a, version)

    hidden: random.Random = random.seed.__self__  # type: ignore[attr-defined]
    with ExitStack() as undo:
        undo.callback(setattr, random.Random, "seed", real_seed)
        undo.callback(setattr, random, "seed", random.seed)
        random.Random.seed = seed_or_draw  # type: ignore[method-assign]
        random.seed = hidden.seed
        yield


def _calling_module() -> str:
    frame: Any = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") == "random":
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__"))


@contextmanager
def _numpy(seed: int) -> Iterator[None]:
    """numpy's global generator, if the program has it; default_rng() follows os.urandom."""
    if "numpy" not in sys.modules:
        yield
        return
    numpy_random: Any = import_module("numpy.random")  # numpy itself puts that off
    state = numpy_random.get_state()
    numpy_random.seed(key("numpy", seed) % 2**32)
    try:
        yield
    finally:
        numpy_random.set_state(state)


@contextmanager
def _websocket_masks(seed: int) -> Iterator[None]:
    """aiohttp masks frames by a generator made at import, kept as a default argument."""
    with ExitStack() as undo:
        for generator in _mask_generators():
            undo.callback(generator.setstate, generator.getstate())
            generator.seed(key("websocket masks", seed))
        yield


def _mask_generators() -> list[random.Random]:
    writer: Any = sys.modules.get("aiohttp._websocket.writer")
    if writer is None:
        return []
    init: Callable[..., None] = writer.WebSocketWriter.__init__
    defaults = (*(init.__defaults__ or ()), *(init.__kwdefaults__ or {}).values())
    return [value for value in defaults if isinstance(value, random.Random)]
