"""A served run under many clients at once: whether each gets its own answers, how fast, and in how much memory."""

import base64
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from dgf.pipeline.errors import UserError

_AT = re.compile(r"serving .* at http://([\d.]+):(\d+) ")
_SAME = 1e-3
"""Probabilities of one post that were computed in different batches differ by less."""

_MALFORMED, _TOO_LARGE = 20, 200
"""Every so many requests of a client are malformed, or too large."""

_BODY_MIB = 2
_SECONDS = 60
"""How long a client waits for anything."""


@dataclass(slots=True)
class _Seen:
    """What clients saw: how requests ended, and how long answers took; shared, under its lock."""

    endings: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, ending: str, seconds: float | None = None) -> None:
        with self.lock:
            self.endings[ending] += 1
            if seconds is not None:
                self.seconds.append(seconds)


def bench_serve(
    run: Path, clients: int = 200, seconds: int = 120, photos: Sequence[Path] = (), device: str = "auto"
) -> dict[str, Any]:
    """Serve a run in a process of its own and ask it from many threads, each with a post of its own over and over.

    Among the posts are malformed and too large requests, which must be refused.

    Args:
        run: As for `dgf serve`.
        clients: Threads.
        seconds: How long they ask.
        photos: That clients send along in turn.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        Answers a second and how long they took; how many were lost (nothing came), swapped (another's came), failed or
        told to come again; how many wrong requests were refused, and not; the server's memory before, during and after.

    Raises:
        UserError: The server does not start, or cannot answer.
    """
    seen, memory = _Seen(), list[float]()
    shown = [{"image": {"base64": base64.b64encode(photo.read_bytes()).decode()}} for photo in photos] or [{}]
    posts = [{**_post(client), **shown[client % len(shown)]} for client in range(clients)]
    with _served(run, device, text_only=not photos) as (process, host, port):
        expected = _ask_before(host, port, posts)
        memory.append(_mib(process))
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(
                target=_keep_asking, args=((host, port), client, posts[client], expected[client], end, seen)
            )
            for client in range(clients)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(1)
            memory.append(_mib(process))
        process.send_signal(signal.SIGTERM)
        code = process.wait(_SECONDS)
    answers = seen.endings["answered"]
    return {
        "bench": "serve",
        "clients": clients,
        "seconds": seconds,
        "answers": answers,
        "answers_per_second": round(answers / seconds, 1),
        **{name: seen.endings[name] for name in ("lost", "swapped", "failed", "come_again", "refused", "not_refused")},
        "median_ms": _milliseconds(seen.seconds, 50),
        "p99_ms": _milliseconds(seen.seconds, 99),
        "memory_mib": {
            "before": memory[0],
            "after_a_tenth": memory[len(memory) // 10],
            "half_way": memory[len(memory) // 2],
            "end": memory[-1],
            "most": max(memory),
        },
        "exit_code": code,
    }


@contextmanager
def _served(run: Path, device: str, *, text_only: bool) -> Iterator[tuple[psutil.Popen, str, int]]:
    """Start `dgf serve` on a free port, and wait until it says where it listens."""
    options = ("--port", "0", "--device", device, "--max-body", str(_BODY_MIB))
    command = [sys.executable, "-m", "dgf.cli", "serve", str(run), *options, *(["--text-only"] if text_only else [])]
    process = psutil.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := _AT.search(line):
                threading.Thread(target=process.stderr.read, daemon=True).start()  # so that it never fills up
                yield process, found[1], int(found[2])
                return
        raise UserError(f"dgf serve {run}: ended before it listened\n{''.join(said)}")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _post(client: int) -> dict[str, Any]:
    words = f"Ada{client} joins Club{client} with Bob" + " indeed" * (client % 7)
    return {"text": words, "head": f"Ada{client}", "tail": f"Club{client}"}


def _ask_before(host: str, port: int, posts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The answer of each post, asked one after another.

    Raises:
        UserError: One has none.
    """
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    answers = [json.loads(_send(connection, json.dumps(post).encode())[1]) for post in posts]
    connection.close()
    for answer in answers:
        if "error" in answer:
            raise UserError(f"dgf bench serve: a post was not answered: {answer['error']}")
    return answers


def _send(connection: HTTPConnection, body: bytes) -> tuple[int, bytes]:
    connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def _keep_asking(
    place: tuple[str, int],
    client: int,
    post: Mapping[str, Any],
    expected: Mapping[str, Any],
    end: float,
    seen: _Seen,
) -> None:
    connection = HTTPConnection(*place, timeout=_SECONDS)
    number = 0
    while time.monotonic() < end:
        number += 1
        id = f"{client}:{number}"
        wrong = (number + client) % _MALFORMED == 0
        body = json.dumps({**post, "id": id}).encode()
        if wrong:
            body = bytes((_BODY_MIB << 20) + 1) if (number + client) % _TOO_LARGE == 0 else body[:-1]
        started = time.perf_counter()
        try:
            status, said = _send(connection, body)
        except (OSError, HTTPException):
            seen.add("lost")
            connection.close()
            continue
        if wrong:
            seen.add("refused" if 400 <= status < 500 else "not_refused")
        elif status == 503:
            seen.add("come_again")
            time.sleep(1)
        elif status != 200:
            seen.add("failed")
        else:
            ours = _is_same(json.loads(said), {**expected, "id": id})
            seen.add("answered" if ours else "swapped", time.perf_counter() - started)
    connection.close()


def _is_same(answer: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    same = all(answer[name] == expected[name] for name in ("id", "head", "tail", "relation"))
    return same and abs(answer["probability"] - expected["probability"]) < _SAME


def _mib(process: psutil.Popen) -> float:
    return round(process.memory_info().rss / 2**20, 1)


def _milliseconds(seconds: Sequence[float], share: int) -> float | None:
    return round(1000 * float(np.percentile(seconds, share)), 1) if seconds else None
