"""The service itself: what is asked under which address, and what is said in which case."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from dgf.workflows.predict.answer import Unanswered
from dgf.workflows.serve.answers import object_of
from dgf.workflows.serve.batches import AnswerQueue
from dgf.workflows.serve.bodies import AsgiApp, BodyLimits, LimitedBodies
from dgf.workflows.serve.callers import KnownCallers
from dgf.workflows.serve.post_requests import PostRequest, PostRules, read_posts
from dgf.workflows.serve.refusals import COME_AGAIN, RefusedError, encode_json

POSTS = "posts"
"""The field of a form that holds the posts; its other fields are photos."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Service:
    """What the application is made of.

    Args:
        queue: Answers posts.
        rules: What posts may have.
        limits: Of bodies; an answer may take as many seconds as a body.
        page: To try a post by hand.
        hosts: Names by which the server may be called; None for any.
    """

    queue: AnswerQueue
    rules: PostRules
    limits: BodyLimits
    page: bytes
    hosts: frozenset[str] | None


def build_app(service: Service) -> AsgiApp:
    """Build the application."""

    @asynccontextmanager
    async def answering(_: FastAPI) -> AsyncIterator[None]:
        async with service.queue.running():
            yield

    # the pages on its own interface that FastAPI offers bring scripts from elsewhere
    app = FastAPI(title="dgf serve", openapi_url=None, lifespan=answering)

    @app.get("/")
    def show_page() -> Response:
        policy = {"Content-Security-Policy": "frame-ancestors 'none'"}  # the rest of it stands in the page
        return Response(service.page, media_type="text/html", headers=policy)

    @app.get("/health")
    async def health() -> Response:
        return _json({"status": "ok", "waiting": len(service.queue)})

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        asked = await _read_request(request, service.rules)
        answers = iter(await _answer(request, service, [post for post in asked.posts if isinstance(post, Mapping)]))
        found = [
            object_of(post, post.id or "", 0) if isinstance(post, Unanswered) else next(answers) for post in asked.posts
        ]
        return _json(found[0], 422 if "error" in found[0] else 200) if asked.single else _json(found)

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, refusal: RefusedError) -> Response:
        return Response(refusal.body, refusal.status, refusal.headers, "application/json")

    @app.exception_handler(HTTPException)
    async def refuse_address(_: Request, error: HTTPException) -> Response:
        return _json({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def own_fault(_: Request, error: Exception) -> Response:
        _log.error("internal error: %s: %s", type(error).__name__, error)
        return _json({"error": "a fault of this server; its log says more"}, 500)

    return KnownCallers(LimitedBodies(app, service.limits), service.hosts)


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encode_json(value), status, headers, "application/json")


async def _read_request(request: Request, rules: PostRules) -> PostRequest:
    """Read the posts of a request, and the photos that come with them in a form.

    Raises:
        RefusedError: They are in no form that is read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await run_in_threadpool(read_posts, await request.body(), {}, rules)
    if kind != "multipart/form-data":
        raise RefusedError(415, "send posts as application/json, or as multipart/form-data with photos")
    most = rules.most + 1
    async with request.form(max_files=most, max_fields=most, max_part_size=len(await request.body())) as form:
        fields = {
            name: await value.read() if isinstance(value, UploadFile) else value.encode(errors="surrogatepass")
            for name, value in form.multi_items()
        }
    if (posts := fields.pop(POSTS, None)) is None:
        raise RefusedError(422, f"the form has no field {POSTS!r} with a post or a list of posts as JSON")
    return await run_in_threadpool(read_posts, posts, fields, rules)


async def _answer(
    request: Request, service: Service, posts: Sequence[Mapping[str, Any]]
) -> Sequence[Mapping[str, Any]]:
    """Wait for the answers to posts, as long as somebody waits for them.

    Raises:
        RefusedError: Too many posts wait, or the answers do not come in time.
    """
    asked = asyncio.ensure_future(service.queue.ask(posts))
    gone = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({asked, gone}, timeout=service.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():  # of whoever has gone, nobody reads this
            raise RefusedError(503, f"not answered within {service.limits.seconds:g} s: come again", COME_AGAIN)
        return asked.result()
    finally:
        asked.cancel()
        gone.cancel()
