"""`Expect: 100-continue`: a client that holds its body back until it is asked for it."""

from __future__ import annotations

from aiohttp import HttpVersion11, web

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def is_met(request: web.BaseRequest) -> bool:
    """Ask for a body that is held back; False for an expectation that nobody knows (417).

    RFC 9110, section 10.1.1; before HTTP/1.1 there were none.
    """
    expected = request.headers.get("Expect")
    if expected is None or request.version < HttpVersion11:
        return True
    if expected.lower() != "100-continue":
        return False
    if request.can_read_body:
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # the answer has not begun
    return True
