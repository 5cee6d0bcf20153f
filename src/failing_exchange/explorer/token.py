"""Tokens: one line that holds a world, the bot's name, the rule, and the versions."""

from __future__ import annotations

import base64
import binascii
import json
import os
import platform
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from failing_exchange.errors import ConfigurationError
from failing_exchange.explorer.world import World, own_kinds
from failing_exchange.faults.catalogue import is_own
from failing_exchange.judge.catalogue import make
from failing_exchange.runs import programs
from failing_exchange.runs.bot_environment import BotEnvironment
from failing_exchange.runs.bot_loader import read_spec
from failing_exchange.text.spelling import printable

VERSION = 1
PREFIX = f"fx{VERSION}."
TOKEN_MAX = 1_000_000  # characters; a longer one is refused before it is unpacked
UNPACKED_MAX = 20_000_000  # bytes of what it holds
REASON_MAX = 200  # characters of what is wrong with it
HASH_SEED = "PYTHONHASHSEED"  # of which the order of a bot's own sets depends
PACKAGES = ("failing-exchange", "aiohttp", "ccxt")  # whose versions may change a run


@dataclass(frozen=True, kw_only=True)
class Token:
    """A trial that can be run again. `digest` is that of the journal when the token was made.

    >>> token = Token(target="careful", world=World(seed=7, seconds=60.0), rule="once")
    >>> Token.parse(str(token)) == token
    True
    """

    target: str
    world: World
    rule: str = ""
    digest: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    made_with: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        found = {
            "target": self.target,
            "world": self.world.as_dict(),
            "rule": self.rule,
            "digest": self.digest,
            "options": self.options,
            "made_with": self.made_with,
        }
        text = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
        return PREFIX + base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        """The token of a line; raises ConfigurationError that says what is wrong with it."""
        text = text.strip()
        if not text.startswith(PREFIX):
            raise ConfigurationError(f"{text[:20]!r} is not a token: one begins with {PREFIX!r}")
        if len(text) > TOKEN_MAX:
            raise ConfigurationError(f"a token has at most {TOKEN_MAX:,} characters")
        try:
            packed = text[len(PREFIX) :]
            raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
            found = json.loads(zlib.decompressobj().decompress(raw, UNPACKED_MAX))
            token = cls(**{**found, "world": World.of(found["world"])})
            token.check()
            return token
        except (json.JSONDecodeError, UnicodeDecodeError, binascii.Error, zlib.error):
            raise ConfigurationError(
                f"the token {text[:20]}… can't be read: it is cut off, or was changed"
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigurationError(
                f"the token {text[:20]}… can't be read ({printable(str(error))[:REASON_MAX]}); "
                "was it cut off?"
            ) from None

    def check(self) -> None:
        """Raise ConfigurationError where a value is not of its kind, before anything is run."""
        for name in ("target", "rule", "digest"):
            if not isinstance(getattr(self, name), str):
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; expected a string")
        for name in ("options", "made_with"):
            if not isinstance(getattr(self, name), Mapping):
                raise ConfigurationError(f"{name} is {getattr(self, name)!r}; expected a table")
        make(options={n: given for n, given in self.options.items() if not is_own(n)})
        self.world.check()

    def outside(self, target: str | None = None) -> str:
        """The files that a replay runs that lie outside the working directory; else empty.

        A token that came by mail names the code it runs: who replays it should see which.
        """
        code = [
            target or self.target,
            *filter(is_own, self.options),
            *own_kinds(self.world),
            self.world.venue,
        ]
        return files_outside(code)

    def differences(self, target: str | None = None) -> list[str]:
        """What is not as it was when the token was made, in words; empty where nothing is known.

        `target`: the bot that is run, where it is not at its old place.
        """
        now = surroundings(target or self.target, self.world.files)
        return [
            f"{name} is {now.get(name, 'not there')}, and was {then} when the token was made"
            for name, then in self.made_with.items()
            if now.get(name) != then and name != HASH_SEED
        ]


def other_hash_seed(token: Token) -> list[str]:
    """What may be why a run is another, where all else is as it was."""
    then, now = token.made_with.get(HASH_SEED, ""), hash_seed()
    if not then or now == then:
        return []
    return [
        f"the hash seed is {now or 'a drawn one'}, and was {then} when the token was made: if the "
        f"bot depends on the order of a set, run it with {HASH_SEED}={then}"
    ]


def hash_seed() -> str:
    """The hash seed that this process was given; empty where it has drawn one."""
    given = os.environ.get(HASH_SEED, "")
    return given if given.isdigit() else ""


def surroundings(target: str, files: str = "") -> dict[str, str]:
    """The versions, the bot's own text and the files that a run depends on."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # then the bot does not use it
    place = bot_file(target)
    if place is not None and place.is_file():
        found["the bot's file"] = sha256(place.read_bytes()).hexdigest()[:12]
    if files:
        found[f"the folder {files}"] = BotEnvironment(files=files).digest()
    return found


def bot_file(target: str) -> Path | None:
    """The file of a target, as it is named; None for one that is not named by its file."""
    program = programs.read(target)
    if program is not None:
        place = program.place
    else:
        name = read_spec(target).bot
        place = name.partition("::")[0] if "::" in name else name.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else None


def files_outside(code: Iterable[str]) -> str:
    """Those of the files of bots, rules and faults that lie outside the working directory."""
    files = [place.resolve() for place in map(bot_file, code) if place is not None]
    elsewhere = [str(file) for file in files if not file.is_relative_to(Path.cwd())]
    return " and ".join(dict.fromkeys(elsewhere))
