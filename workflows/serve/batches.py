"""Posts of many requests, answered together: one queue, one thread, and each answer to the request that it is of."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from dgf.workflows.serve.refusals import COME_AGAIN, RefusedError

ServedPost = Mapping[str, Any]
AnswerPosts = Callable[[Sequence[ServedPost]], Sequence[Mapping[str, Any]]]
"""Answers posts in their order, each by an object; called from one thread alone."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    """Posts that came together: their answers as far as they are there, how many are not, and who waits for them."""

    posts: Sequence[ServedPost]
    answers: dict[int, Mapping[str, Any]]
    done: asyncio.Future[list[Mapping[str, Any]]]


class AnswerQueue:
    """Answers posts in batches of what waits, in the order in which they came.

    All of it but the answering itself happens in the event loop, so that nothing needs a lock. A post of a request that
    has gone is not answered. A batch that fails is answered request by request, so that none fails for another's sake.
    """

    def __init__(self, answer: AnswerPosts, batch_size: int, limit: int) -> None:
        self._answer = answer
        self._batch_size = batch_size
        self._limit = limit
        self._waiting: deque[tuple[_Request, int]] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        """How many posts wait."""
        return len(self._waiting)

    async def ask(self, posts: Sequence[ServedPost]) -> list[Mapping[str, Any]]:
        """Wait for the answers to posts.

        Raises:
            RefusedError: Too many posts wait already.
        """
        if not posts:
            return []
        if len(self._waiting) + len(posts) > self._limit:
            raise RefusedError(503, f"{len(self._waiting)} posts wait already: come again", COME_AGAIN)
        request = _Request(posts, {}, asyncio.get_running_loop().create_future())
        self._waiting.extend((request, place) for place in range(len(posts)))
        self._arrived.set()
        try:
            return await request.done
        finally:
            if request.done.cancelled():  # of whoever has gone, nothing waits on
                self._waiting = deque(entry for entry in self._waiting if entry[0] is not request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer while the context lasts."""
        with ThreadPoolExecutor(1, "answers") as thread:
            work = asyncio.create_task(self._work(thread))
            try:
                yield
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work

    async def _work(self, thread: ThreadPoolExecutor) -> None:
        while True:
            await self._arrived.wait()
            if batch := self._take():
                await self._answer_batch(batch, thread)
            else:
                self._arrived.clear()

    def _take(self) -> list[tuple[_Request, int]]:
        """Take the next posts of requests that still wait for an answer."""
        batch: list[tuple[_Request, int]] = []
        while self._waiting and len(batch) < self._batch_size:
            request, place = self._waiting.popleft()
            if not request.done.done():
                batch.append((request, place))
        return batch

    async def _answer_batch(self, batch: Sequence[tuple[_Request, int]], thread: ThreadPoolExecutor) -> None:
        posts = [request.posts[place] for request, place in batch]
        try:
            answers = await asyncio.get_running_loop().run_in_executor(thread, self._answer, posts)
        except Exception as error:
            parts = [list(part) for _, part in groupby(batch, key=lambda one: id(one[0]))]
            if len(parts) > 1:
                for part in parts:
                    await self._answer_batch(part, thread)
                return
            _log.error("error: a request was not answered: %s: %s", type(error).__name__, error)
            if not (done := batch[0][0].done).done():
                done.set_exception(RefusedError(500, "this server failed to answer; its log says why"))
            return
        for (request, place), answer in zip(batch, answers, strict=True):
            request.answers[place] = answer
            if len(request.answers) == len(request.posts) and not request.done.done():
                request.done.set_result([request.answers[each] for each in range(len(request.posts))])
