"""Fields of faults and triggers: each has a meaning, a unit, a check and a JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from math import inf
from typing import Any, NamedTuple, TypeVar, dataclass_transform

from failing_exchange.core.chance import below
from failing_exchange.core.reject import Reason
from failing_exchange.core.units import DAY_S, PPM, SECOND
from failing_exchange.errors import ConfigurationError
from failing_exchange.faults.plan import Match
from failing_exchange.text.durations import FORMS, seconds_of
from failing_exchange.text.number_checks import is_number
from failing_exchange.text.spelling import shown

T = TypeVar("T")
SHORTEST = 0.001  # seconds that a halt or a lock lasts at least: for none, don't arm the fault
SECONDS_MAX = 366 * DAY_S  # no delay, ban or lag is longer; a longer one is refused
DRAWS_OF_TRIGGERS = 16  # triggers use the draws below it, so that what a fault draws is its own
SPAN = ("number", "string")  # the JSON types of a span
NEVER = "never"  # how a file without null says None


class FieldSpec(NamedTuple):
    """What a field means, its unit, what is expected, how a value is checked, its JSON schema.

    `check` returns the value in its plain form, or raises ValueError.
    """

    says: str
    unit: str
    expects: str
    check: Callable[[Any], Any]
    schema: Mapping[str, Any]  # of its JSON value, as in OpenAPI documents


# ---- checks


def number_within(value: Any, minimum: float, maximum: float) -> Any:
    """Return a number from `minimum` to `maximum`; raise ValueError for anything else."""
    if not is_number(value) or not minimum <= value <= maximum:
        raise ValueError
    return value


def whole_within(value: Any, minimum: int, maximum: float) -> int:
    """Return a whole number from `minimum` to `maximum`; raise ValueError for anything else."""
    if not isinstance(value, int):
        raise ValueError
    found: int = number_within(value, minimum, maximum)
    return found


def probability_of(value: Any, name: str = "probability") -> float:
    """Return a probability as a float; raise ConfigurationError for anything else, with the value.

    >>> probability_of(1)
    1.0
    """
    try:
        return float(number_within(value, 0, 1))
    except ValueError:
        raise ConfigurationError(f"{name} must be a number from 0 to 1, not {value!r}") from None


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(_plain(entry) for entry in value)
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _plain(entry) for name, entry in value.items()}
    raise ValueError


# ---- kinds of fields: `default` comes first; MISSING makes a field required


def span(
    default: Any = MISSING, says: str = "", *, minimum: float = 0, maximum: float = SECONDS_MAX
) -> Any:
    """A duration in seconds, or a string such as "10m"."""

    def check(value: Any) -> Any:
        return number_within(seconds_of(value), minimum, maximum)

    expects = f"{FORMS}, from {minimum:g} to {maximum:.10g} seconds"
    return _field(
        default, FieldSpec(says, "seconds", expects, check, _schema(SPAN, minimum, maximum))
    )


def span_or_never(default: float | None, says: str, *, minimum: float = 0) -> Any:
    """A time in seconds; None (in files "never") = it never comes."""

    def check(value: Any) -> Any:
        never = value is None or value == NEVER
        return None if never else number_within(seconds_of(value), minimum, SECONDS_MAX)

    expects = f"{FORMS}, from {minimum:g} to {SECONDS_MAX} seconds, or None for never"
    schema = _schema((*SPAN, "null"), minimum, SECONDS_MAX)
    return _field(default, FieldSpec(says, "seconds, or None", expects, check, schema))


def share(
    default: Any = MISSING, says: str = "", *, maximum: float = 1.0, zero: bool = False
) -> Any:
    """A share: above 0 (or from 0) up to `maximum`."""

    def check(value: Any) -> Any:
        found = number_within(value, 0, maximum)
        if not found and not zero:
            raise ValueError
        return found

    expects = f"a number {'from 0' if zero else 'above 0,'} up to {maximum:g}"
    return _field(default, FieldSpec(says, "share", expects, check, _schema("number", 0, maximum)))


def number(default: Any, says: str, unit: str, *, minimum: float, maximum: float) -> Any:
    """A number of some unit."""

    def check(value: Any) -> Any:
        return number_within(value, minimum, maximum)

    expects = f"a number from {minimum:g} to {maximum:g}"
    return _field(
        default, FieldSpec(says, unit, expects, check, _schema("number", minimum, maximum))
    )


def whole(
    default: Any = MISSING, says: str = "", *, minimum: int = 1, maximum: float = 1_000_000
) -> Any:
    """A whole number; with `maximum=inf` there is none."""

    def check(value: Any) -> Any:
        return whole_within(value, minimum, maximum)

    bounds = f"of at least {minimum}" if maximum == inf else f"from {minimum} to {maximum}"
    schema = _schema("integer", minimum, maximum)
    return _field(default, FieldSpec(says, "number", f"a whole number {bounds}", check, schema))


def choice(default: str, says: str, *among: str, also: dict[Any, str] | None = None) -> Any:
    """One of some words; `also` gives other spellings."""

    def check(value: Any) -> Any:
        for spelling, word in (also or {}).items():
            if value is spelling:
                return word
        if value not in among:
            raise ValueError
        return str(value)

    listed = ", ".join(f'"{word}"' for word in among)
    schema = {"enum": [*among, *(also or {})]}
    return _field(default, FieldSpec(says, listed, f"one of {listed}", check, schema))


def executed(
    says: str = "when the exchange acts: before the loss, after it (never), or drawn",
    default: str = "either",
) -> Any:
    """When the exchange acts: "before" the loss (the order is live), "after" (it never does)."""
    return choice(default, says, "before", "after", "either", also={True: "before", False: "after"})


def flag(default: bool, says: str) -> Any:
    """True or False, nothing that is like them."""
    schema = {"type": "boolean"}
    return _field(default, FieldSpec(says, "true or false", "True or False", _is_a(bool), schema))


def text(default: Any = MISSING, says: str = "") -> Any:
    """A string; empty = the fault's own."""
    return _field(default, FieldSpec(says, "text", "a string", _is_a(str), {"type": "string"}))


def names(default: tuple[str, ...], says: str) -> Any:
    """One or more names of fields."""

    def check(value: Any) -> Any:
        found = (value,) if isinstance(value, str) else value
        if not isinstance(found, (list, tuple)) or not found:
            raise ValueError
        if not all(isinstance(name, str) and name for name in found):
            raise ValueError
        return tuple(found)

    expects = 'one or more names, like ("id", "status")'
    schema = {"type": ["array", "string"], "items": {"type": "string"}}
    return _field(default, FieldSpec(says, "names", expects, check, schema))


def anything(default: Any, says: str) -> Any:
    """Any plain value: None, a number, a string, a list or a table of such."""
    expects = "None, a number, a string, a list or a mapping"
    return _field(default, FieldSpec(says, "any plain value", expects, _plain, {}))


def reason(default: Reason, says: str = "why, as the venue puts it") -> Any:
    """A reason for which the venue says no."""

    def check(value: Any) -> Any:
        return Reason(str(value).lower())

    schema = {"enum": [str(one) for one in Reason]}
    return _field(default, FieldSpec(says, "reason", f"one of {', '.join(Reason)}", check, schema))


def _is_a(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError
        return value

    return check


def _field(default: Any, spec: FieldSpec) -> Any:
    return field(default=default, metadata={"spec": spec})


def _schema(kind: str | tuple[str, ...], minimum: float, maximum: float) -> dict[str, Any]:
    """The JSON schema of a bounded number."""
    shown = kind if isinstance(kind, str) else list(kind)
    return {"type": shown, "minimum": minimum, "maximum": maximum}


def spec_of(of: Field[Any]) -> FieldSpec:
    """A field's meaning, unit and check."""
    found: FieldSpec = of.metadata["spec"]
    return found


# ---- classes with such fields


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(
        span, span_or_never, share, number, whole, choice, executed, flag, text, names,
        anything, reason,
    ),
)  # fmt: skip
def fault(cls: type[T]) -> type[T]:
    """Make a class a fault: a frozen dataclass whose fields are checked when it is made."""
    cls.__post_init__ = check_fields  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True, slots=True)(cls)


def check_fields(self: Any) -> None:
    """Make all fields of an object plain values; raise ConfigurationError for a bad one."""
    for one in fields(self):
        spec, value = spec_of(one), getattr(self, one.name)
        try:
            object.__setattr__(self, one.name, spec.check(value))
        except ValueError:
            default = "" if one.default is MISSING else f"; leave it out for {one.default!r}"
            raise ConfigurationError(
                f"{kind_name(type(self))}: {one.name} ({spec.says}) must be {spec.expects}, "
                f"not {shown(value)}{default}"
            ) from None


def kind_name(cls: type) -> str:
    """A class's name as files and the command line say it.

    >>> kind_name(type("LoseAnswer", (), {}))
    'lose_answer'
    """
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")


def nanoseconds(value: float) -> int:
    """Convert seconds to whole nanoseconds, rounded."""
    return round(value * SECOND)


def ends_after(value: float | None) -> int | None:
    """A duration in nanoseconds; None = until the operator ends it."""
    return None if value is None else nanoseconds(value)


def ppm(value: float) -> int:
    """A share in parts per million."""
    return round(value * PPM)


def draw_below(match: Match, k: int, bound: int) -> int:
    """The k-th draw that belongs to the fault itself, as a whole number in [0, bound)."""
    return below(match.key, DRAWS_OF_TRIGGERS + k, bound)


def draw_time(match: Match, at_least: float, spread: float) -> int:
    """Nanoseconds: `at_least` seconds, and up to `spread` more."""
    return nanoseconds(at_least) + (draw_below(match, 0, nanoseconds(spread) + 1) if spread else 0)


def acts(match: Match, chosen: str) -> bool:
    """Whether the exchange acts, for a field `executed`."""
    return chosen == "before" or (chosen == "either" and draw_below(match, 1, 2) == 1)
