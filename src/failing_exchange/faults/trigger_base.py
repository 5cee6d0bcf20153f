"""What all triggers have in common: they can be combined, checked, and written as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypeVar, dataclass_transform

from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.fields import (
    check_fields,
    kind_name,
    number,
    share,
    span,
    span_or_never,
    text,
    whole,
)
from failing_exchange.faults.plan import Match

T = TypeVar("T")
TRIGGERS: dict[str, Callable[..., When]] = {}  # what makes one, by name: `triggers` fills it


class When:
    """A trigger that can be combined: `nth(3) | chance(0.1) & ~hours(2, 4)`.

    Its text (`repr`) is what `parse` reads, as in scenario files and on the command line.

    >>> from failing_exchange.faults.triggers import chance, hours, nth
    >>> nth(3) | chance(0.1) & ~hours(2, 4)
    (nth(3) | (chance(0.1) & ~hours(2, 4)))
    """

    __slots__ = ()

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last request, by number, that it can strike.

        A trigger with a span remembers and draws nothing: it need not be asked about other
        requests.
        """
        return None

    @property
    def operations(self) -> frozenset[str] | None:
        """The operations of requests that it can strike; None: any."""
        return None

    @property
    def follows(self) -> tuple[str, ...]:
        """The names of the rules that it looks at."""
        return ()

    def __call__(self, match: Match, /) -> bool:
        raise NotImplementedError

    def __and__(self, other: When) -> When:
        check_trigger(other, "the right side of &")
        return Pair(self, "&", other)

    def __or__(self, other: When) -> When:
        check_trigger(other, "the right side of |")
        return Pair(self, "|", other)

    def __invert__(self) -> When:
        return Not(self)

    def __repr__(self) -> str:
        values = (getattr(self, one.name) for one in fields(self))  # type: ignore[arg-type]
        return f"{kind_name(type(self))}({', '.join(map(exact, values))})"


@dataclass_transform(
    frozen_default=True, field_specifiers=(number, share, span, span_or_never, text, whole)
)
def trigger(cls: type[T]) -> type[T]:
    """Make a class a trigger: a frozen dataclass whose fields are checked when it is made."""
    own = vars(cls).get("__post_init__")  # what it checks besides
    cls.__post_init__ = own or check_fields  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True, repr=False)(cls)


# ---- combinations


@dataclass(frozen=True, slots=True, repr=False)
class Pair(When):
    """Two triggers joined by `&` or `|`.

    Both are always asked, with draws and a memory of their own: neither shifts the other.
    """

    left: When
    sign: str
    right: When

    @property
    def span(self) -> tuple[int, int] | None:
        if self.left.span is None or self.right.span is None:
            return None
        (a, b), (c, d) = self.left.span, self.right.span
        return (max(a, c), min(b, d)) if self.sign == "&" else (min(a, c), max(b, d))

    @property
    def operations(self) -> frozenset[str] | None:
        left, right = self.left.operations, self.right.operations
        if self.sign == "&":
            return right if left is None else left if right is None else left & right
        return None if left is None or right is None else left | right

    @property
    def follows(self) -> tuple[str, ...]:
        return (*self.left.follows, *self.right.follows)

    def __call__(self, match: Match, /) -> bool:
        hits = [self.left(match.within("left")), self.right(match.within("right"))]
        return all(hits) if self.sign == "&" else any(hits)

    def __repr__(self) -> str:
        return f"({self.left} {self.sign} {self.right})"


@dataclass(frozen=True, slots=True, repr=False)
class Not(When):
    """Strikes where another trigger does not."""

    other: When

    @property
    def follows(self) -> tuple[str, ...]:
        return self.other.follows

    def __call__(self, match: Match, /) -> bool:
        return not self.other(match)

    def __repr__(self) -> str:
        return f"~{self.other}"


@dataclass(frozen=True, slots=True, repr=False)
class Constant(When):
    """Strikes every request, or none."""

    value: bool

    @property
    def span(self) -> tuple[int, int] | None:
        return None if self.value else (1, 0)

    def __call__(self, match: Match, /) -> bool:
        return self.value

    def __repr__(self) -> str:
        return "always" if self.value else "never"


# ---- checks, and text


def check_trigger(when: object, name: str) -> None:
    """Raise ConfigurationError for what is not a trigger: a number, or `nth` without arguments.

    >>> from failing_exchange.faults.triggers import nth
    >>> check_trigger(nth(1), "when")
    >>> check_trigger(nth, "when")
    Traceback (most recent call last):
    failing_exchange.errors.ConfigurationError: when must be a trigger; nth makes one: ...
    """
    for made_by, make in TRIGGERS.items():
        if when is make:
            raise ConfigurationError(
                f"{name} must be a trigger; {made_by} makes one: call it with its arguments"
            )
    if not callable(when):
        raise ConfigurationError(
            f"{name} must be a trigger such as nth(1) or chance(0.1), not {when!r}"
        )


def exact(value: Any) -> str:
    """A value as short as it can be read back."""
    if not isinstance(value, float):
        return repr(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
