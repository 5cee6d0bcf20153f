"""Clients that do TLS by themselves reach servers of the simulation: it is elided there, too."""

from __future__ import annotations

import asyncio
import importlib
import select
import ssl
import sys
from pathlib import Path

import anyio
import pytest
from anyio.streams.tls import TLSAttribute

from failing_exchange import simulate
from failing_exchange.server.certificate import self_signed
from failing_exchange.virtual.tls import ElidedTLS


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Shout back what comes, and end."""
    writer.write((await reader.readexactly(3)).upper())
    writer.close()


def test_anyio_meets_a_server_that_knows_no_tls() -> None:
    """It makes its own handshake above the transport, as httpx does: the venue sees plain bytes."""

    async def main() -> None:
        await asyncio.start_server(serve, "venue", 443)
        stream = await anyio.connect_tcp("venue", 443, tls=True, tls_hostname="venue")
        assert stream.extra(TLSAttribute.ssl_object).server_hostname == "venue"
        await stream.send(b"buy")
        assert await stream.receive() == b"BUY"
        with pytest.raises(anyio.EndOfStream):
            await stream.receive()
        await stream.aclose()

    simulate(main())


def test_it_answers_what_is_asked_of_a_real_one() -> None:
    """Libraries look at version, certificate and protocol before they speak."""

    async def main() -> ssl.SSLObject:
        context = ssl.create_default_context()
        return context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=b"venue")

    made = simulate(main())
    assert isinstance(made, ElidedTLS)
    made.do_handshake()
    assert (made.version(), made.cipher()[1]) == ("TLSv1.3", "TLSv1.3")
    assert (made.getpeercert(), made.getpeercert(True)) == ({}, None)
    with pytest.raises(ssl.SSLWantReadError):
        made.read()


def test_outside_of_a_simulation_tls_is_real() -> None:
    """Nothing is left behind, and a loop of the real world never gets a stand-in."""

    async def main() -> ssl.SSLObject:
        return ssl.create_default_context().wrap_bio(
            ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="venue"
        )

    simulate(asyncio.sleep(0))
    assert not isinstance(asyncio.run(main()), ElidedTLS)


def test_a_client_can_poll_an_idle_connection() -> None:
    """Whether the venue hung up meanwhile: httpx asks so before it uses a connection again."""

    def readable(writer: asyncio.StreamWriter) -> bool:
        descriptor = writer.get_extra_info("socket").fileno()
        return bool(select.select([descriptor], [], [], 0)[0])

    async def main() -> None:
        await asyncio.start_server(serve, "venue", 443)
        reader, writer = await asyncio.open_connection("venue", 443)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        assert not readable(writer)
        writer.write(b"buy")
        await asyncio.sleep(1)
        assert readable(writer)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await reader.read() == b"BUY"
        writer.close()
        await writer.wait_closed()
        assert writer.get_extra_info("socket").fileno() == -1

    simulate(main())


def trusted(file: Path | None) -> int:
    """How many certificates a new context trusts."""
    context = ssl.create_default_context(cafile=file and str(file))
    return context.cert_store_stats()["x509"]


@pytest.fixture
def authorities(tmp_path: Path) -> Path:
    file = tmp_path / "authorities.pem"
    file.write_bytes(self_signed())
    return file


def test_certificates_are_not_read_in_a_simulation(authorities: Path) -> None:
    """None is shown, and to read those of all authorities takes 18 ms for each client."""

    async def main() -> int:
        with pytest.raises(FileNotFoundError):
            trusted(authorities.with_name("missing.pem"))
        return trusted(authorities) + trusted(None)

    assert (simulate(main), simulate(lambda: trusted(authorities))) == (0, 0)
    assert trusted(authorities) == 1


def test_a_module_that_is_imported_meanwhile_reads_them(
    authorities: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiohttp and requests make a context when they are imported, which may serve for real."""
    module = authorities.with_name("imported_meanwhile.py")
    module.write_text(
        f"import ssl\nCONTEXT = ssl.create_default_context(cafile={str(authorities)!r})\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(module.parent))

    async def main() -> ssl.SSLContext:
        context: ssl.SSLContext = importlib.import_module("imported_meanwhile").CONTEXT
        return context

    assert simulate(main).cert_store_stats()["x509"] == 1
    sys.modules.pop("imported_meanwhile")
