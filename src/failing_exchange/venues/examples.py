"""What a venue says about itself for `check_venue`: requests that are right, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from failing_exchange.server.messages import Request
from failing_exchange.venues.example_world import ExampleWorld

if TYPE_CHECKING:
    from failing_exchange.server.messages import Reply

Pairs = Sequence[tuple[str, str]]  # parameters as decoded texts, in the order they are sent


class ExampleRequest(NamedTuple):
    """A request that is right in a `ExampleWorld`: an endpoint, and parameters as they are sent.

    `refused`: the venue has this endpoint, and refuses it in every market.
    """

    endpoint: str
    parameters: Mapping[str, str]
    refused: bool = False


class ToldRefusal(NamedTuple):
    """A refusal as a client sees it."""

    code: int | str
    text: str


class Examples:
    """The examples of one venue: requests of alice in its `world`, with the default key."""

    world: type[ExampleWorld] = ExampleWorld
    lenient = False  # whether the venue ignores parameters that an endpoint does not take

    @property
    def endpoints(self) -> Mapping[str, Sequence[str] | None]:
        """Every endpoint with the parameters that its documents name; None: they name none."""
        raise NotImplementedError

    def needs(self, endpoint: str) -> Sequence[str]:
        """Those of its parameters that must be there."""
        raise NotImplementedError

    def examples(self, world: ExampleWorld) -> Sequence[ExampleRequest]:
        """Requests that are right in this world: at least one for each endpoint."""
        raise NotImplementedError

    def request(self, endpoint: str, sent: Pairs, at: int) -> Request:
        """A request as a client sends it at an instant, signed where it has to be."""
        raise NotImplementedError

    def refusal(self, reply: Reply) -> ToldRefusal | None:
        """What a reply refuses, and how; None for an answer."""
        raise NotImplementedError

    def order(self, price: str, amount: str) -> ExampleRequest:
        """A limit order on BTC/USDT."""
        raise NotImplementedError

    def numbers(self, reply: Reply) -> tuple[str, str, str]:
        """(id, price, amount) of the order that a reply shows, as the venue writes them."""
        raise NotImplementedError
