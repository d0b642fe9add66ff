"""A run behind a port, in a process of its own: the answers of `dgf.load`, to whoever asked, until the last one."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import torch

import dgf
from dgf.workflows.serve.answers import try_run
from support.browser import DESK, LONGEST_WAIT, PHONE, OpenedPage, watch_page
from support.command import dgf as command
from support.seen_world import THREADS, SeenWorld, make_seen_world
from support.shipped import REPOSITORY
from support.small_world import RELATIONS, TINY

LAST_DIGIT = 2e-6
"""Of probabilities that are rounded to six digits: rows padded to other lengths are added up in another order."""

SAID = ("id", "head", "tail", "relation")
CLIENTS = 40
WAIT = 60


@dataclass
class Served:
    """A process of `dgf serve`, where it listens, and the folder it reads photos from."""

    process: subprocess.Popen[str]
    port: int
    world: SeenWorld

    def ask(self, posts: Any, **headers: str) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        connection.request("POST", "/predict", json.dumps(posts), {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        status, said = response.status, json.loads(response.read())
        connection.close()
        return status, said


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    world = make_seen_world(tmp_path_factory.mktemp("seen"), captioned=False)
    options = ("--port", "0", "--photos", world.posts, "--device", "cpu", "--batch-size", "16", "--max-body", "1")
    words = [sys.executable, "-m", "dgf.cli", "serve", world.run, *options]
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}
    process = subprocess.Popen([*map(str, words)], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"serving .* at http://127\.0\.0\.1:(\d+) ", line):
            break
    else:
        pytest.fail(said)
    yield Served(process, int(found[1]), world)
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def model(served: Served) -> Iterator[dgf.LoadedRun]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield dgf.load(served.world.run, device="cpu")
    torch.set_num_threads(before)


def rows_of(world: SeenWorld) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (world.posts / "test.jsonl").read_text().splitlines()]


def same(row: dict[str, Any], answer: dgf.Answer) -> bool:
    assert [row[name] for name in SAID] == [getattr(answer, name) for name in SAID]
    return row["probability"] == pytest.approx(answer.probability, abs=LAST_DIGIT)


def test_answers_are_those_of_the_run_in_python(served: Served, model: dgf.LoadedRun) -> None:
    rows = [{**row, "relation": "/per/per/peer"} for row in rows_of(served.world)]
    status, found = served.ask(rows)
    assert status == 200
    for row, answer in zip(found, model.predict_many(rows, photos=served.world.posts), strict=True):
        assert same(row, answer) and answer.types is not None and answer.attributions is not None
        assert row["types"] == list(answer.types) and list(row["best"]) == list(answer.probabilities)[:3]
        for name, weights in answer.attributions.items():
            assert row["attributions"][name]["head"] == pytest.approx(weights["head"], abs=LAST_DIGIT)


def test_no_answer_of_many_clients_is_lost_or_swapped(served: Served, model: dgf.LoadedRun) -> None:
    def posts_of(client: int) -> list[dict[str, Any]]:
        text = f"Ada{client} joins Club{client} with Bob" + " indeed" * (client % 5)
        post = {"text": text, "head": f"Ada{client}", "tail": f"Club{client}"}
        shown = {"image": f"test-{client % 3}.png"} if client % 4 == 0 else {}
        wrong = {**post, "id": f"{client}:wrong", "head": "Zoe"}
        return [{**post, **shown, "id": f"{client}:{number}"} for number in range(1 + client % 3)] + [wrong]

    asked = [posts_of(client) for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(served.ask, [posts for posts in asked for _ in range(3)]))
    for number, (status, answers) in enumerate(found):
        *good, wrong = answers
        *posts, _ = asked[number // 3]
        assert status == 200 and len(good) == len(posts)
        assert wrong["id"] == f"{number // 3}:wrong" and "'Zoe' is not in the post" in wrong["error"]
        if number % 3 == 0:
            expected = list(model.predict_many(posts, photos=served.world.posts))
        assert all(same(row, answer) for row, answer in zip(good, expected, strict=True))


def test_what_is_too_large_is_refused_over_a_real_connection_and_what_is_no_http_too(served: Served) -> None:
    for chunked in (False, True):
        connection = HTTPConnection("127.0.0.1", served.port, timeout=WAIT)
        body = iter([bytes(1 << 18)] * 10) if chunked else bytes(10 << 18)
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"}, encode_chunked=chunked)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (413, {"error": "the request has more than 1 MiB"})
        connection.close()
    with socket.create_connection(("127.0.0.1", served.port), WAIT) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400 ")
    (served.world.posts / "words.png").write_text("words")
    status, said = served.ask({"text": "Ada met Bo", "head": "Ada", "tail": "Bo", "image": "words.png"})
    assert status == 422 and "not a JPEG" in said["error"] and str(served.world.posts) not in said["error"]
    assert served.ask([])[0] == 422 and served.ask({}, Host="evil.example")[0] == 421


def test_the_requests_of_the_page_on_serving_are_answered(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (REPOSITORY / "docs" / "serve.md").read_text(encoding="utf-8").replace(":8000", f":{served.port}")
    (tmp_path / "photos").mkdir()
    shutil.copy(served.world.posts / "test-1.png", tmp_path / "photos" / "1.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page, flags=re.M | re.S)
    for block in blocks:
        exec(compile(block, "docs/serve.md", "exec"), names)
    first, second, photo = capsys.readouterr().out.splitlines()
    assert first.startswith("a ") and second == "b tail 'Cy' is not in the post" and "relevance" in photo
    commands = re.findall(r"^```bash\n(.*?)^```", page, flags=re.M | re.S)
    assert (len(blocks), len(commands)) == (2, 2)
    for line in commands if shutil.which("curl") else ():
        done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["relation"] in RELATIONS, done.stdout


def test_what_cannot_see_photos_is_told_before_anybody_asks(served: Served) -> None:
    done = command("serve", served.world.run, "--port", 0, "--device", "cpu", "--vgg-weights", "random:1")
    assert done.code == 1 and "its photo networks give other features now" in done.err


def test_a_run_of_text_says_why_it_takes_no_photo(served: Served, tmp_path: Path) -> None:
    options = ("--device", "cpu", *TINY, "optim.epochs=1", "--missing-images", "text-only")
    assert command("train", served.world.posts, "--out", tmp_path / "run", *options).code == 0
    reason = try_run(dgf.load(tmp_path / "run", device="cpu"), photo=True)
    assert reason is not None and "was trained on text alone" in reason


def test_many_clients_are_counted_by_how_they_were_answered(served: Served) -> None:
    """With so few clients for so short a time that it shows the counting alone."""
    done = command("bench", "serve", served.world.run, "--clients", 25, "--seconds", 1, "--device", "cpu")
    assert done.code == 0, done.said
    facts = json.loads(done.out)
    assert facts["answers"] > 25 and facts["refused"] > 0 and facts["p99_ms"] >= facts["median_ms"] > 0
    assert [facts[name] for name in ("lost", "swapped", "failed", "come_again", "not_refused", "exit_code")] == [0] * 6
    assert facts["memory_mib"]["most"] >= facts["memory_mib"]["before"] > 50


@pytest.fixture
def page(served: Served, browser: Any) -> Iterator[OpenedPage]:
    context = browser.new_context(viewport={"width": DESK, "height": 900})
    context.set_default_timeout(LONGEST_WAIT)
    yield watch_page(context.new_page(), f"http://127.0.0.1:{served.port}/")
    context.close()


def test_a_post_is_tried_by_hand(page: OpenedPage, served: Served, model: dgf.LoadedRun) -> None:
    text = "🎉 Ada <b>& Ada</b> met Bo"
    page.page.fill("#text", text)
    page.page.evaluate("document.getElementById('text').setSelectionRange(11, 15)")  # " Ada", in UTF-16
    page.page.click("button[data-side=head]")
    page.page.fill("#tail", "Bo")
    assert page.page.locator("#marked .head").text_content() == "Ada" and page.page.input_value("#head") == "Ada"
    page.page.set_input_files("#photo", served.world.posts / "test-1.png")
    page.page.click("#ask")
    page.page.wait_for_selector("#answer article")
    image = served.world.posts / "test-1.png"
    answer = model.predict(text, head=(11, 14), tail="Bo", image=image)
    assert page.page.locator("#answer .sentence").text_content() == text
    assert page.page.locator("#answer .sentence .head").text_content() == "Ada"
    assert page.page.locator("#answer .verdict strong").text_content() == answer.relation
    shown = page.page.locator("#answer .best tr").all_text_contents()
    best = list(answer.probabilities.items())[:3]
    assert len(shown) == 3 and all(row.startswith(name) for row, (name, _) in zip(shown, best, strict=True))
    page.page.click("#answer summary")
    columns = page.page.locator("#answer thead th").all_text_contents()
    assert columns == ["object", "relevance of head", "relevance of tail", "alpha of head", "alpha of tail"]
    assert page.missing_pictures() == 0
    for width in (PHONE, DESK):
        page.page.set_viewport_size({"width": width, "height": 844})
        assert (page.beyond(), page.too_small(), page.too_faint()) == (0, [], [])
    assert (page.complaints, page.dialogs) == ([], [])
    asked = {address for address in page.requests if not address.startswith("blob:")}  # the chosen photo itself
    assert asked == {f"http://127.0.0.1:{served.port}/predict"}


def test_a_fault_is_shown_in_words_and_goes_away(page: OpenedPage) -> None:
    page.page.fill("#text", "Ann met Ann <img src=x onerror=alert(1)>")
    page.page.fill("#head", "Ann")
    page.page.fill("#tail", "<img src=x onerror=alert(1)>")
    assert page.page.locator("#marked .tail").text_content() == "<img src=x onerror=alert(1)>"
    page.page.click("#ask")
    page.page.wait_for_selector("#fault:not([hidden])")
    assert "head 'Ann' stands at (0, 3), (8, 11)" in page.page.locator("#fault").text_content()
    page.page.evaluate("document.getElementById('text').setSelectionRange(8, 11)")
    page.page.click("button[data-side=head]")
    page.page.click("#ask")
    page.page.wait_for_selector("#answer article")
    assert page.page.locator("#fault").is_hidden() and page.dialogs == []
    assert page.page.locator("#answer img").count() == 0
    assert [said for said in page.complaints if "422" not in said] == []


def test_a_request_under_way_is_answered_when_the_server_is_told_to_end(served: Served) -> None:
    body = json.dumps([{"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}] * 40).encode()
    head = (
        "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.port), WAIT) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        served.process.send_signal(signal.SIGTERM)
        while is_listened_to(served.port):
            pass
        connection.sendall(body)
        said = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    start, _, answers = said.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 200 ") and len(json.loads(answers)) == 40
    assert served.process.wait(WAIT) == 0
    assert served.process.stderr is not None
    assert served.process.stderr.read() == "ended: every request that had come was answered\n"


def is_listened_to(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), WAIT).close()
    except ConnectionRefusedError:
        return False
    return True
