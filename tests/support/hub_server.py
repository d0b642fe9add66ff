"""A small stand-in for the Hugging Face hub on this machine: repositories in memory, behind the hub's own addresses.

The real client talks to it over HTTP. Every file is taken as a plain one, never for large-file storage.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

WRITES, READS = "hf_writes", "hf_reads"
"""Tokens: the first may do anything, the second reads alone; others are unknown."""


@dataclass
class Repository:
    """Files by name, whether others see them, and the messages of the commits."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        said = json.dumps([len(self.commits), {name: _oid(data) for name, data in self.files.items()}])
        return hashlib.sha1(said.encode()).hexdigest()


@dataclass
class Hub:
    """What is on the stand-in, and its address."""

    address: str
    repositories: dict[str, Repository] = field(default_factory=dict)


@contextmanager
def serve_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Run the stand-in while the context lasts, and have the client of this process talk to nothing else."""
    hub = Hub("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.setenv("HF_TOKEN", WRITES)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self._read()

        def do_HEAD(self) -> None:
            self._read()

        def _read(self) -> None:
            path = self.path.partition("?")[0]
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/[^/]+|/tree/[^/]+)?", path):
                repository = hub.repositories.get(found[1])
                if repository is None or (repository.private and self._token() not in (WRITES, READS)):
                    return self._refuse(404, "RepoNotFound")
                if (found[2] or "").startswith("/tree"):
                    entries = [
                        {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                        for name, data in repository.files.items()
                    ]
                    return self._answer(entries)
                siblings = [{"rfilename": name} for name in repository.files]
                about = {"id": found[1], "sha": repository.sha, "private": repository.private, "siblings": siblings}
                return self._answer(about)
            if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
                repository = hub.repositories[found[1]]
                data = repository.files[found[2]]
                return self._send(200, data, {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": repository.sha})
            self._refuse(404, "EntryNotFound")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/validate-yaml":
                return self._answer({"errors": [], "warnings": []})
            if self._token() not in (WRITES, READS):
                return self._refuse(401)
            if self._token() == READS:
                return self._refuse(403)
            if self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                if name in hub.repositories:
                    return self._send(409, json.dumps({"url": f"{hub.address}/{name}"}).encode(), {})
                hub.repositories[name] = Repository(asked.get("visibility") == "private" or asked.get("private", False))
                return self._answer({"url": f"{hub.address}/{name}"})
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
                asked = json.loads(body)["files"]
                modes = [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in asked]
                return self._answer({"files": modes})
            if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
                repository = hub.repositories[found[1]]
                for entry in map(json.loads, body.splitlines()):
                    value = entry["value"]
                    if entry["key"] == "file":
                        repository.files[value["path"]] = base64.b64decode(value["content"])
                    elif entry["key"] == "deletedFile":
                        del repository.files[value["path"]]
                    else:
                        repository.commits.append(value["summary"])
                address = f"{hub.address}/{found[1]}/commit/{repository.sha}"
                return self._answer({"commitUrl": address, "commitOid": repository.sha})
            self._refuse(404)

        def _token(self) -> str:
            return self.headers.get("Authorization", "").removeprefix("Bearer ")

        def _answer(self, content: object) -> None:
            self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

        def _refuse(self, code: int, kind: str = "") -> None:
            self._send(code, b'{"error": "refused"}', {"X-Error-Code": kind} if kind else {})

        def _send(self, code: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

    return Handler
