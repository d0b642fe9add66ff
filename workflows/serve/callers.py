"""Who may ask: requests that call this server by its own name, and pages that came from it."""

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from dgf.pipeline.errors import UserError
from dgf.workflows.serve.bodies import AsgiApp, Message, Receive, Scope, Send
from dgf.workflows.serve.refusals import RefusedError

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:\[([\da-f:.]+)\]|([^][:@/\s]+))(?::\d*)?", re.IGNORECASE)
"""A name or an address, IPv6 in brackets, and a port."""

_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every response that does not say otherwise: nothing of it is run, framed, kept, or read by another site's page."""


class KnownCallers:
    """An ASGI application that other sites' pages cannot use, in a browser that can reach it.

    A page of another site sends its own address as `Origin`; one whose name was made to lead here (DNS rebinding) sends
    a `Host` that is not this server's. `hosts` are the names that are; None lets any pass.
    """

    def __init__(self, app: AsgiApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in given)]
            await send(message)

        refusal = self._refusal({name: value.decode("latin-1") for name, value in scope["headers"]})
        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send_guarded({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send_guarded({"type": "http.response.body", "body": refusal.body})

    def _refusal(self, headers: dict[bytes, str]) -> RefusedError | None:
        host = headers.get(b"host", "")
        called = _HOST.fullmatch(host)
        if self._hosts is not None and (called is None or (called[1] or called[2]).lower() not in self._hosts):
            return RefusedError(421, "this server is not called that (--allow-host names further ones)")
        origin = headers.get(b"origin")
        if origin is not None and _place_of(origin) != host.lower():
            return RefusedError(403, "pages of other sites may not ask")
        return None


def _place_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def name_of_host(given: str) -> str:
    """Bring the name of a host into the form that requests are compared with.

    Raises:
        UserError: It is no name or address by itself.
    """
    with suppress(ValueError):
        return str(ipaddress.ip_address(given.strip("[]")))
    if re.fullmatch(r"[^][:@/\s]+", given):
        return given.lower()
    called = _HOST.fullmatch(urlsplit(given if "//" in given else f"//{given}").netloc)
    hint = f"Give --allow-host {called[1] or called[2]}: whatever port" if called else "Give a name or an address"
    raise UserError(f"--allow-host {given}: is not a name by itself", f"{hint}, without anything beside it.")


def known_hosts(address: str, host: str, allowed: Iterable[str]) -> frozenset[str] | None:
    """Tell by which names a server may be called that listens at an address.

    Args:
        address: That it is bound to.
        host: That it was told to listen at.
        allowed: Further ones.

    Returns:
        All of them; None for any, beyond loopback where none is allowed by name.

    Raises:
        UserError: A further one is not a name by itself.
    """
    further = {name_of_host(name) for name in allowed}
    if ipaddress.ip_address(address).is_loopback:
        return frozenset({*_LOOPBACK_NAMES, host.lower(), *further})
    return frozenset({host.lower(), *further}) if further else None
