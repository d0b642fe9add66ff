"""Requests over HTTP, as they should be and as they should not: each is told what is wrong in words."""

import base64
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dgf.pipeline.errors import UserError
from dgf.workflows.serve.app import Service, build_app
from dgf.workflows.serve.batches import AnswerQueue
from dgf.workflows.serve.bodies import BodyLimits
from dgf.workflows.serve.callers import known_hosts
from dgf.workflows.serve.post_requests import PostRules

POST = {"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}
PHOTO = b"\x89PNG and so on"
HOME = "http://localhost:8000"


class Repeat:
    """Answers each post by what of it reached the model; waits while `gate` is shut."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Event()

    def __call__(self, posts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        self.begun.set()
        assert self.gate.wait(20)
        if any("internal" in str(post.get("text")) for post in posts):
            raise KeyError("/a/path/of/the/server")
        faulty = "a fault of the model"
        return [
            {"id": post["id"], "error": faulty} if post.get("text") == "faulty" else {**post, "image": shown(post)}
            for post in posts
        ]


def shown(post: Mapping[str, Any]) -> Any:
    image = post.get("image")
    return image.decode("latin-1") if isinstance(image, bytes) else image


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    (root / "secret.png").write_bytes(b"secret")
    (root / "photos" / "deep").mkdir(parents=True)
    (root / "photos" / "1.png").write_bytes(PHOTO)
    (root / "photos" / "deep" / "2.png").write_bytes(PHOTO)
    (root / "photos" / "link.png").symlink_to(root / "secret.png")
    return root / "photos"


def client_of(
    answer: Repeat, photos: Path | None = None, no_photos: str | None = None, seconds: float = 20
) -> TestClient:
    service = Service(
        AnswerQueue(answer, batch_size=4, limit=8),
        PostRules(5, photos, no_photos),
        BodyLimits(200_000, seconds),
        b"<!doctype html><title>a page</title>",
        known_hosts("127.0.0.1", "localhost", ()),
    )
    return TestClient(build_app(service), base_url=HOME)


@pytest.fixture(scope="module")
def client(photos: Path) -> Iterator[TestClient]:
    with client_of(Repeat(), photos) as opened:
        yield opened


def test_one_post_has_one_answer_and_a_list_a_list(client: TestClient) -> None:
    one = client.post("/predict", json=POST)
    assert (one.status_code, one.json()) == (200, {**POST, "id": "posts:1", "image": None})
    named = [{**POST, "id": "é"}, {**POST, "id": 7}, POST]
    many = client.post("/predict", json=named)
    assert many.status_code == 200 and [answer["id"] for answer in many.json()] == ["é", "7", "posts:3"]
    assert many.headers["content-type"] == "application/json"
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


def test_a_post_that_cannot_be_answered_does_not_stop_the_others(client: TestClient) -> None:
    bad: list[Any] = [7, {**POST, "id": "who", "text": "faulty"}, {**POST, "id": [1]}]
    found = client.post("/predict", json=[POST, *bad, POST])
    assert found.status_code == 200
    first, number, faulty, unnamed, last = found.json()
    assert "error" not in first and "error" not in last and (first["id"], last["id"]) == ("posts:1", "posts:5")
    assert number == {"id": "posts:2", "error": "a post must be an object, not 7"}
    assert faulty == {"id": "who", "error": "a fault of the model"}
    assert unnamed == {"id": "posts:4", "error": "id must be a string, not [1]"}
    large = client.post("/predict", content=b'[{"text": 1e999}]', headers={"content-type": "application/json"})
    assert large.json() == [{"id": "posts:1", "error": "holds a number that is too large"}]
    alone = client.post("/predict", json=bad[1])
    assert (alone.status_code, alone.json()) == (422, faulty)


def test_nothing_but_what_is_read_of_a_post_reaches_the_model(client: TestClient) -> None:
    answer = client.post("/predict", json={**POST, "relation": "/per/per/peer", "photos": "/", "image": ""}).json()
    assert answer == {**POST, "id": "posts:1", "image": None}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b'{"text": ', 400, "not JSON"),
        (b'{"text": "a", "text": "b"}', 400, "a key appears twice"),
        (b'{"text": NaN}', 400, "NaN is not a JSON value"),
        (b"\xff\xfe{}", 400, "not UTF-8"),
        (b"[" * 100_000, 400, "not JSON"),
        (b'"text"', 422, "must be a post or a list of posts, not 'text'"),
        (b"[]", 422, "a list of no posts"),
        (json.dumps([POST] * 6).encode(), 422, "6 posts, and a request may have 5"),
        (json.dumps({**POST, "text": "x" * 70_000}).encode(), 422, "more than 65536 bytes"),
        (json.dumps({**POST, "head": "x" * 1001}).encode(), 422, "head has more than 1000 characters"),
        (b'{"id": "\\ud800", "image": 7}', 422, "image must be"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_why(client: TestClient, body: bytes, status: int, words: str) -> None:
    found = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert found.status_code == status and words in found.json()["error"]


def test_a_body_that_is_too_large_is_refused_whether_or_not_it_says_so(client: TestClient) -> None:
    def chunks() -> Iterator[bytes]:
        yield from (b" " * 50_000 for _ in range(5))

    for body in (b" " * 200_001, chunks()):
        found = client.post("/predict", content=body, headers={"content-type": "application/json"})
        assert found.status_code == 413 and "more than" in found.json()["error"]


def test_a_photo_comes_in_base64_or_in_a_form(client: TestClient) -> None:
    encoded = {**POST, "image": {"base64": base64.b64encode(PHOTO).decode()}}
    assert client.post("/predict", json=encoded).json()["image"] == PHOTO.decode("latin-1")
    form = {"posts": json.dumps([{**POST, "image": "cat"}, {**POST, "image": "dog"}, POST])}
    photos = {"dog": ("d.png", io.BytesIO(b"dog")), "cat": ("../../c.png", io.BytesIO(b"cat"))}
    answers = client.post("/predict", data=form, files=photos).json()
    assert [answer["image"] for answer in answers] == ["cat", "dog", None]
    as_file = {"posts": ("posts.json", io.BytesIO(json.dumps(POST).encode()))}
    assert client.post("/predict", files=as_file).json()["id"] == "posts:1"


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"base64": "!!"}, "not base64"),
        ({"base64": "data:image/png;base64,AAAA"}, "not base64"),
        ({"base64": 7}, "image must be"),
        ({"path": "/etc/passwd"}, "image must be"),
        ("../secret.png", "leads outside"),
        ("deep/../../secret.png", "leads outside"),
        ("link.png", "leads outside"),
        ("/etc/passwd", "leads outside"),
        ("{photos}/1.png", "leads outside"),
        ("file:///etc/passwd", "an address of the network"),
        ("http://localhost/1.png", "an address of the network"),
        ("1.png\0", "no file can have this name"),
        ("deep", "not a regular file"),
        ("3.png", "no such file"),
    ],
)
def test_no_name_leads_out_of_the_folder_of_the_photos(
    client: TestClient, photos: Path, image: Any, words: str
) -> None:
    named = image.replace("{photos}", str(photos)) if isinstance(image, str) else image
    found = client.post("/predict", json={**POST, "image": named})
    assert found.status_code == 422 and words in found.json()["error"]
    assert image != named or str(photos.parent) not in found.text


def test_a_photo_in_the_folder_is_named_and_without_a_folder_none_is(client: TestClient) -> None:
    assert client.post("/predict", json={**POST, "image": "deep/2.png"}).json()["image"] == "deep/2.png"
    with client_of(Repeat()) as bare:
        assert "reads no photos of its own" in bare.post("/predict", json={**POST, "image": "1.png"}).json()["error"]
    with client_of(Repeat(), no_photos="no photos here") as textual:
        assert textual.post("/predict", json={**POST, "image": "1.png"}).json()["error"] == "no photos here"


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("text/plain", b"{}", 415, "application/json"),
        ("application/x-www-form-urlencoded", b"posts={}", 415, "multipart/form-data"),
        ("", b"{}", 415, "application/json"),
        ("multipart/form-data", b"--x", 400, "boundary"),
        ("multipart/form-data; boundary=x", b"nonsense", 400, "Invalid multipart data"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "no field 'posts'"),
    ],
)
def test_what_is_no_form_is_refused(client: TestClient, kind: str, body: bytes, status: int, words: str) -> None:
    found = client.post("/predict", content=body, headers={"content-type": kind} if kind else {})
    assert found.status_code == status and words in found.json()["error"]


def test_a_form_has_no_more_photos_than_posts_are_allowed(client: TestClient) -> None:
    files = {f"photo{number}": io.BytesIO(b"x") for number in range(7)}
    found = client.post("/predict", data={"posts": json.dumps(POST)}, files=files)
    assert found.status_code == 400 and "Too many files" in found.json()["error"]


def test_other_addresses_and_methods_are_refused_in_json(client: TestClient) -> None:
    for method, address, status in (("GET", "/docs", 404), ("GET", "/openapi.json", 404), ("GET", "/predict", 405)):
        found = client.request(method, address)
        assert found.status_code == status and set(found.json()) == {"error"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "127.0.0.1:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "LOCALHOST"}, 200),
        ({"host": "evil.example:8000"}, 421),
        ({"host": "localhost.evil.example"}, 421),
        ({"host": "evil.example@localhost:8000"}, 421),
        ({"host": "localhost:8000@evil.example"}, 421),
        ({"host": ""}, 421),
        ({"host": "[::1"}, 421),
        ({"origin": HOME}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:8001"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://[::1"}, 403),
    ],
)
def test_a_page_of_another_site_cannot_ask(client: TestClient, headers: dict[str, str], status: int) -> None:
    found = client.post("/predict", json=POST, headers=headers)
    assert found.status_code == status
    assert not any(name.startswith("access-control") for name in found.headers)
    assert "frame-ancestors 'none'" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff" and found.headers["cache-control"] == "no-store"


def test_names_are_checked_on_loopback_and_where_they_are_given() -> None:
    assert known_hosts("127.0.0.1", "127.0.0.1", ["Box"]) == {"localhost", "127.0.0.1", "::1", "box"}
    assert known_hosts("::1", "ip6-localhost", ()) == {"localhost", "127.0.0.1", "::1", "ip6-localhost"}
    assert known_hosts("0.0.0.0", "0.0.0.0", ()) is None
    assert known_hosts("fe80::1%eth0", "fe80::1%eth0", ["box.example"]) == {"fe80::1%eth0", "box.example"}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("Box:8000", "Give --allow-host Box: whatever port"),
        ("http://box.example/x", "Give --allow-host box.example: whatever port"),
        ("[::2]:80", "Give --allow-host ::2: whatever port"),
        ("a/b", "Give --allow-host a: whatever port"),
        ("", "Give a name or an address"),
    ],
)
def test_a_further_name_stands_by_itself(given: str, hint: str) -> None:
    with pytest.raises(UserError, match="is not a name by itself") as caught:
        known_hosts("127.0.0.1", "localhost", [given])
    assert caught.value.hint is not None and caught.value.hint.startswith(hint)
    assert "::2" in (known_hosts("0.0.0.0", "0.0.0.0", ["[::2]"]) or ())


def test_the_page_is_there_and_says_what_it_is(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200 and page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"


def test_a_fault_of_the_model_is_not_told_to_strangers(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    found = client.post("/predict", json={**POST, "text": "internal"})
    assert found.status_code == 500 and "path" not in found.text and "KeyError" not in found.text
    assert "KeyError: '/a/path/of/the/server'" in caplog.text


def test_a_full_queue_is_503_and_what_takes_too_long_too() -> None:
    answer = Repeat()
    answer.gate.clear()
    with client_of(answer, seconds=20) as client, ThreadPoolExecutor(3) as threads:
        first = threads.submit(client.post, "/predict", json=POST)
        assert answer.begun.wait(20)
        second = threads.submit(client.post, "/predict", json=[POST] * 4)
        third = threads.submit(client.post, "/predict", json=[POST] * 4)
        while client.get("/health").json()["waiting"] < 8:
            pass
        refused = client.post("/predict", json=POST)
        assert refused.status_code == 503 and refused.headers["retry-after"] == "1"
        assert refused.json() == {"error": "8 posts wait already: come again"}
        answer.gate.set()
        assert [found.result().status_code for found in (first, second, third)] == [200] * 3
    late = Repeat()
    late.gate.clear()
    with client_of(late, seconds=0.05) as client:
        found = client.post("/predict", json=POST)
        late.gate.set()
        assert found.status_code == 503 and "not answered within 0.05 s" in found.json()["error"]
