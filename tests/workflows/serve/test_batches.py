"""Posts of many requests in one queue: joined, in order, none lost, none swapped, and none answered for nobody."""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from itertools import chain
from random import Random
from typing import Any

import pytest

from dgf.workflows.serve.batches import AnswerQueue
from dgf.workflows.serve.refusals import RefusedError

Posts = Sequence[Mapping[str, Any]]


class Echo:
    """Answers each post by its id, and keeps the batches; waits, where `gate` is shut, until it is opened."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def __call__(self, posts: Posts) -> list[dict[str, Any]]:
        self.threads.add(threading.get_ident())
        self.begun.set()
        assert self.gate.wait(20)
        self.batches.append([post["id"] for post in posts])
        if any("bad" in post["id"] for post in posts):
            raise ValueError("a post that breaks its batch")
        return [{"of": post["id"]} for post in posts]


def posts(*ids: str) -> list[dict[str, Any]]:
    return [{"id": id} for id in ids]


async def until_begun(echo: Echo) -> None:
    assert await asyncio.to_thread(echo.begun.wait, 20)


def test_each_request_gets_its_own_answers_in_its_order() -> None:
    echo, draw = Echo(), Random(0)
    asked = [[f"{client}:{number}" for number in range(draw.randint(1, 9))] for client in range(40)]

    async def ask_all() -> list[Any]:
        queue = AnswerQueue(echo, batch_size=8, limit=1000)
        async with queue.running():
            return await asyncio.gather(*(queue.ask(posts(*ids)) for ids in asked))

    answers = asyncio.run(ask_all())
    assert [[answer["of"] for answer in found] for found in answers] == asked
    assert sorted(chain(*echo.batches)) == sorted(chain(*asked))
    assert max(map(len, echo.batches)) == 8 and len(echo.batches) <= -(-sum(map(len, asked)) // 8) + 1
    assert len(echo.threads) == 1


def test_a_full_queue_refuses_and_takes_again_what_has_room() -> None:
    echo = Echo()
    echo.gate.clear()

    async def fill() -> None:
        queue = AnswerQueue(echo, batch_size=1, limit=3)
        async with queue.running():
            first = asyncio.create_task(queue.ask(posts("first")))
            await until_begun(echo)
            waiting = [asyncio.create_task(queue.ask(posts(name))) for name in ("a", "b")]
            await asyncio.sleep(0)
            assert len(queue) == 2
            with pytest.raises(RefusedError, match="2 posts wait already") as refused:
                await queue.ask(posts("c", "d"))
            assert refused.value.status == 503 and refused.value.headers["Retry-After"] == "1"
            waiting.append(asyncio.create_task(queue.ask(posts("e"))))
            echo.gate.set()
            assert await first == [{"of": "first"}]
            assert [*chain(*await asyncio.gather(*waiting))] == [{"of": "a"}, {"of": "b"}, {"of": "e"}]
            assert len(queue) == 0 and await queue.ask([]) == []

    asyncio.run(fill())
    assert echo.batches == [["first"], ["a"], ["b"], ["e"]]


def test_posts_of_a_request_that_has_gone_are_not_answered() -> None:
    echo = Echo()
    echo.gate.clear()

    async def leave() -> None:
        queue = AnswerQueue(echo, batch_size=2, limit=100)
        async with queue.running():
            first = asyncio.create_task(queue.ask(posts("first")))
            await until_begun(echo)
            gone = asyncio.create_task(queue.ask(posts(*map(str, range(50)))))
            last = asyncio.create_task(queue.ask(posts("last")))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
            assert len(queue) == 1, "its posts, and their photos, are kept no longer"
            echo.gate.set()
            assert await asyncio.gather(first, last) == [[{"of": "first"}], [{"of": "last"}]]

    asyncio.run(leave())
    assert echo.batches == [["first"], ["last"]]


def test_what_breaks_a_batch_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    echo = Echo()
    echo.gate.clear()

    async def ask_beside_a_bad_one() -> list[Any]:
        queue = AnswerQueue(echo, batch_size=8, limit=100)
        async with queue.running():
            first = asyncio.create_task(queue.ask(posts("first")))
            await until_begun(echo)
            together = [queue.ask(posts(*ids)) for ids in (["a"], ["b", "bad", "c"], ["d", "e"])]
            found = asyncio.gather(*together, return_exceptions=True)
            await asyncio.sleep(0)
            echo.gate.set()
            await first
            return await found

    one, bad, two = asyncio.run(ask_beside_a_bad_one())
    assert (one, two) == ([{"of": "a"}], [{"of": "d"}, {"of": "e"}])
    assert isinstance(bad, RefusedError) and bad.status == 500 and "breaks" not in str(bad)
    assert "ValueError: a post that breaks its batch" in caplog.text
