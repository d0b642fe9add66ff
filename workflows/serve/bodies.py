"""Bodies of requests, read whole before the application sees them, within limits of size, memory and time."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dgf.workflows.serve.refusals import COME_AGAIN, RefusedError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

AT_ONCE = 16
"""How many bodies of the largest size are held in memory at once."""

_STRAY_BODIES = 4
_STRAY_SECONDS = 2.0
"""How much, and how long, is read and thrown away behind a refusal: a connection that is closed while its other end
still sends is reset, and the refusal with it lost."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How many bytes a body may have, and how many seconds it may take to come."""

    size: int
    seconds: float


class LimitedBodies:
    """An ASGI application whose requests' bodies are limited; the one inside is given each in one piece."""

    def __init__(self, app: AsgiApp, limits: BodyLimits) -> None:
        self._app = app
        self._limits = limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, given = bytearray(), b""
        try:
            if await self._read(scope, receive, read):
                given = bytes(read)
                read.clear()
                await self._app(scope, _given(given, receive), send)
        except RefusedError as refusal:
            await self._refuse(refusal, receive, send)
        finally:
            self._held -= len(read) + len(given)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> bool:
        """Read a body; False where its sender has gone.

        Raises:
            RefusedError: It is too large, too slow, or one too many.
        """
        size = self._limits.size
        too_large = RefusedError(413, f"the request has more than {size >> 20} MiB")
        if _said_length(scope) > size:
            raise too_large
        try:
            async with asyncio.timeout(self._limits.seconds):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    chunk = message.get("body", b"")
                    if len(body) + len(chunk) > size:
                        raise too_large
                    if self._held + len(chunk) > AT_ONCE * size:
                        raise RefusedError(503, "too many large requests at once: come again", COME_AGAIN)
                    body += chunk
                    self._held += len(chunk)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise RefusedError(408, f"the request did not come within {self._limits.seconds:g} s") from None
        return True

    async def _refuse(self, refusal: RefusedError, receive: Receive, send: Send) -> None:
        """Send a refusal whole, and close the connection when its other end has had time to read it."""
        headers = {"Content-Type": "application/json", "Content-Length": str(len(refusal.body)), "Connection": "close"}
        raw = [(name.lower().encode(), value.encode()) for name, value in (headers | refusal.headers).items()]
        await send({"type": "http.response.start", "status": refusal.status, "headers": raw})
        await send({"type": "http.response.body", "body": refusal.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(_STRAY_SECONDS):
                stray, more = 0, True
                while more and stray < _STRAY_BODIES * self._limits.size:
                    message = await receive()
                    stray += len(message.get("body", b""))
                    more = message.get("more_body", False)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _said_length(scope: Scope) -> int:
    """How many bytes a request says that it has; 0 where it does not."""
    said = dict(scope["headers"]).get(b"content-length", b"0")
    return int(said) if said.isdigit() else 0


def _given(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read, and then what comes behind it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give
