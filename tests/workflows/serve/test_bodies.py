"""Bodies within limits: what is too large, too slow or one too many is refused while it comes, and nothing is kept."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from dgf.workflows.serve.bodies import AT_ONCE, BodyLimits, LimitedBodies, Message, Receive, Scope, Send

LIMITS = BodyLimits(size=100, seconds=20)


class Caller:
    """Sends a request's chunks, and then leaves; keeps what comes back."""

    def __init__(self, chunks: Iterable[bytes], headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self._chunks = list(chunks)
        self._cut = cut
        self.taken = 0
        self.taken_when_told: int | None = None
        self.scope: Scope = {
            "type": "http",
            "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
        }
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        if self.taken == len(self._chunks):
            return {"type": "http.disconnect"}
        self.taken += 1
        more = self._cut or self.taken < len(self._chunks)
        return {"type": "http.request", "body": self._chunks[self.taken - 1], "more_body": more}

    async def send(self, message: Message) -> None:
        self.taken_when_told = self.taken if self.taken_when_told is None else self.taken_when_told
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def said(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))


async def say_length(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    assert not message["more_body"] and (await receive())["type"] == "http.disconnect"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(message["body"])).encode()})


def call(caller: Caller, limits: BodyLimits = LIMITS) -> Caller:
    asyncio.run(LimitedBodies(say_length, limits)(caller.scope, caller.receive, caller.send))
    return caller


@pytest.mark.parametrize("chunks", [[], [b""], [b"x" * 100], [b"x" * 60, b"", b"x" * 40]])
def test_a_body_within_the_limit_is_given_whole(chunks: list[bytes]) -> None:
    called = call(Caller(chunks or [b""]))
    assert called.status == 200 and called.said == sum(map(len, chunks))


def test_a_body_that_says_that_it_is_too_large_is_refused_unread() -> None:
    called = call(Caller([b"x" * 101], {"content-length": "101"}))
    assert called.status == 413 and "more than 0 MiB" in called.said["error"]
    assert called.taken_when_told == 0 and called.taken == 1
    assert [message.get("more_body") for message in called.sent] == [None, True, False]
    assert (b"connection", b"close") in called.sent[0]["headers"]


def test_a_body_of_unsaid_length_is_refused_as_soon_as_it_is_too_large() -> None:
    called = call(Caller([b"x" * 30] * 1000))
    assert called.status == 413
    assert called.taken == 4 + 14, "read on only so far that the refusal is not lost: four bodies, in chunks"


def test_what_goes_before_it_has_all_come_is_nobody_to_answer() -> None:
    assert call(Caller([b"x", b"y"], cut=True)).sent == []


def test_a_body_that_does_not_come_is_refused_in_time() -> None:
    class Silent(Caller):
        async def receive(self) -> Message:
            if self.sent:  # it has heard
                return {"type": "http.disconnect"}
            await asyncio.Event().wait()
            raise AssertionError

    called = call(Silent([]), BodyLimits(100, 0.01))
    assert called.status == 408 and "within 0.01 s" in called.said["error"]


def test_no_more_is_held_at_once_than_so_many_bodies_and_all_is_let_go() -> None:
    release = asyncio.Event()

    async def hold(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await say_length(scope, receive, send)

    async def fill() -> None:
        app = LimitedBodies(hold, LIMITS)

        async def send_one(chunks: list[bytes]) -> Caller:
            caller = Caller(chunks)
            await app(caller.scope, caller.receive, caller.send)
            return caller

        holding = [asyncio.create_task(send_one([b"x" * 100])) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        one_more = await send_one([b"x"])
        assert one_more.status == 503 and (b"retry-after", b"1") in one_more.sent[0]["headers"]
        release.set()
        assert [caller.status for caller in await asyncio.gather(*holding)] == [200] * AT_ONCE
        assert [(await send_one([b"x" * 100])).status for _ in range(AT_ONCE + 1)] == [200] * (AT_ONCE + 1)

    asyncio.run(fill())
