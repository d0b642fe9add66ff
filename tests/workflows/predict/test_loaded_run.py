"""Posts handed over in Python: the same answers as through shards, whichever way a photo or a mention is given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dgf
from dgf.model.checkpoint import load_model
from dgf.workflows.data import open_corpus, prepare_splits, read_configured
from dgf.workflows.evaluate import EvalSettings, evaluate
from dgf.workflows.training.run_folder import RunFolder
from support.command import dgf as command
from support.seen_world import SeenWorld
from support.small_world import TINY

LAST_DIGIT = 2e-6
"""Of probabilities that are rounded to six digits: rows padded to other lengths are added up in another order."""


@pytest.fixture(scope="module")
def model(world: SeenWorld) -> dgf.LoadedRun:
    return dgf.load(world.run, device="cpu")


def rows_of(world: SeenWorld) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (world.posts / "test.jsonl").read_text().splitlines()]


def same(answer: dgf.Answer, row: dict[str, Any]) -> bool:
    assert answer.relation == row["relation"] and answer.id == row["id"]
    return answer.probability == pytest.approx(row["probability"], abs=LAST_DIGIT)


def test_a_photo_in_memory_gives_the_answer_of_shards_with_one_photo_a_batch(
    world: SeenWorld, model: dgf.LoadedRun
) -> None:
    report = evaluate(EvalSettings(world.run, out=world.run.parent / "report", device="cpu")).out
    expected = [json.loads(line) for line in (report / "predictions.jsonl").read_text().splitlines()]
    found = list(model.predict_many(dgf.read(world.posts / "test.jsonl")))
    assert len(found) == len(expected) == 6
    for answer, row in zip(found, expected, strict=True):
        assert same(answer, row) and answer.types == tuple(row["types"])
        for name, weights in row["attributions"].items():
            assert answer.attributions is not None
            assert answer.attributions[name]["head"] == pytest.approx(weights["head"], abs=LAST_DIGIT)
        assert list(answer.probabilities)[:3] == list(row["best"])
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert set(answer.probabilities) == set(model.relations)


def test_many_are_answered_as_one_by_one_and_in_their_order(world: SeenWorld, model: dgf.LoadedRun) -> None:
    posts = [{**row, "tokens": row["tokens"] + ["indeed"] * (i % 3)} for i, row in enumerate(rows_of(world))]
    posts[2].pop("image")
    alone = [
        model.predict(
            tokens=post["tokens"],
            head=post["head"],
            tail=post["tail"],
            id=post["id"],
            image=world.posts / post["image"] if "image" in post else None,
        )
        for post in posts
    ]
    for size in (1, 2, 64):
        many = list(model.predict_many(iter(posts), size, photos=world.posts))
        assert [answer.id for answer in many] == [answer.id for answer in alone]
        for one, other in zip(many, alone, strict=True):
            assert one.relation == other.relation and list(one.probabilities) == list(other.probabilities)
            assert one.probability == pytest.approx(other.probability, abs=LAST_DIGIT)
    assert alone[2].attributions is None and alone[1].attributions is not None


def test_a_stream_is_read_a_window_at_a_time(model: dgf.LoadedRun) -> None:
    read = 0

    def posts() -> Iterator[dict[str, Any]]:
        nonlocal read
        for read in range(1, 10_000):  # noqa: B007
            yield {"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}

    answers = model.predict_many(posts(), batch_size=1)
    assert [next(answers).id for _ in range(3)] == ["posts:1", "posts:2", "posts:3"] and read == 3
    next(model.predict_many(posts(), batch_size=2))
    assert read == 16


def test_a_photo_is_the_same_as_path_bytes_and_image(world: SeenWorld, model: dgf.LoadedRun) -> None:
    path = world.posts / "test-1.png"
    ways: list[Any] = [path, str(path), path.read_bytes(), Image.open(path), Image.open(path).convert("RGBA")]
    answers = [model.predict("Ada met Bo", head="Ada", tail="Bo", image=image) for image in ways]
    assert all(answer == answers[0] for answer in answers) and answers[0].attributions
    assert answers[0] != model.predict("Ada met Bo", head="Ada", tail="Bo", image=world.posts / "train-1.png")


def test_a_turned_photo_is_turned_upright_however_it_is_given(model: dgf.LoadedRun, tmp_path: Path) -> None:
    drawn = Image.radial_gradient("L").resize((40, 20)).convert("RGB")
    drawn.paste((250, 0, 0), (0, 0, 9, 9))
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn.save(tmp_path / "turned.png", exif=exif)
    post = {"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}
    found = [model.predict(**post, image=way) for way in (tmp_path / "turned.png", Image.open(tmp_path / "turned.png"))]
    assert found[0] == found[1] != model.predict(**post, image=drawn)


def test_a_mention_is_found_by_its_words_where_they_stand_once(model: dgf.LoadedRun) -> None:
    text = "Ann and Annabel met Bo in 東京都 , says Bo Lee"
    by_span = model.predict(text, head=(0, 3), tail=(26, 29))
    assert model.predict(text, head="Ann", tail="東京都") == by_span
    assert model.predict(tokens=text.split(), head=[0, 1], tail="東京都") == by_span
    assert model.predict(text, head={"span": [0, 1], "unit": "words"}, tail="東京都") == by_span
    with pytest.raises(dgf.UserError, match=r"tail 'Bo' stands at \(20, 22\), \(37, 39\)"):
        model.predict(text, head="Ann", tail="Bo")
    assert model.predict(text, head="Ann", tail="Bo Lee").tail == "Bo Lee"
    with pytest.raises(dgf.UserError, match=r"\(8, 9\), \.\.\.: give one"):
        model.predict("a " * 99 + "b", head="a", tail="b")
    with pytest.raises(dgf.UserError, match="tokens"):
        model.predict(tokens=["Ann", None, "Bo"], head="Ann", tail="Bo")
    for wrong in ("Zoe", "", "  "):
        with pytest.raises(dgf.UserError, match="is not in the post"):
            model.predict(text, head="Ann", tail=wrong)


def test_what_cannot_be_used_is_an_error_in_its_place_or_comes_back(world: SeenWorld, model: dgf.LoadedRun) -> None:
    good: dict[str, Any] = {"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}
    (world.posts / "not-a-photo.png").write_text("words")
    closed = Image.open(world.posts / "test-1.png")
    closed.close()
    (world.posts / "cut.png").write_bytes((world.posts / "test-1.png").read_bytes()[:50])
    bad = [
        {**good, "id": "no photo", "image": "gone.png"},
        {**good, "image": "not-a-photo.png"},
        {**good, "image": 7},
        {**good, "text": None},
        {**good, "head": 3},
        "Ada met Bo",
        {**good, "image": closed},
        {**good, "image": Image.open(world.posts / "cut.png")},
        {**good, "image": "a\0.png"},
        {**good, "image": "\ud800.png"},
        {**good, "image": "../posts/test-1.png"},
        {**good, "image": str(world.posts.parent / "elsewhere.png")},
        {**good, "id": 7, "image": 7},
    ]
    found = list(model.predict_many([good, *bad, good], photos=world.posts, on_error="return"))  # type: ignore[list-item]
    told = [one.error for one in found[1:-1] if isinstance(one, dgf.Unanswered)]
    assert isinstance(found[0], dgf.Answer) and isinstance(found[-1], dgf.Answer) and len(told) == len(bad)
    why = ["no such file", "not a JPEG", "must be a path", "text or tokens", "must be a span", "mapping"]
    why += ["gives no pixels", "gives no pixels", "NUL", "surrogate", *["leads outside"] * 2, "must be a path"]
    assert [words for error, words in zip(told, why, strict=True) if words not in error] == [], told[3:]
    assert found[1] == dgf.Unanswered("no photo", told[0]) and found[-2].id == "7"
    assert model.predict(**good, image="").attributions is None
    for name in ("a\0.png", "\ud800.png"):
        with pytest.raises(dgf.UserError, match=r"holds|no file"):
            model.predict(**good, image=name)
    answers = model.predict_many([good, bad[0], good], batch_size=1, photos=world.posts)  # type: ignore[list-item]
    assert next(answers).relation == found[0].relation
    with pytest.raises(dgf.UserError, match=r"post no photo: photo gone\.png: no such file"):
        next(answers)


def test_no_label_reaches_an_answer(world: SeenWorld, model: dgf.LoadedRun) -> None:
    posts = rows_of(world)
    others = [{**post, "relation": "/per/per/peer"} for post in posts]
    assert list(model.predict_many(posts, photos=world.posts)) == list(model.predict_many(others, photos=world.posts))


def test_what_is_not_a_run_is_refused_with_what_would_be_one(world: SeenWorld, tmp_path: Path) -> None:
    with pytest.raises(dgf.UserError, match="not a run folder"):
        dgf.load(tmp_path)
    with pytest.raises(dgf.UserError, match="other features now"):
        dgf.load(world.run, device="cpu", vgg_weights="random:1").predict(
            "Ada met Bo", head="Ada", tail="Bo", image=world.posts / "test-1.png"
        )


def test_a_mention_that_is_a_box_is_the_object_that_shards_would_give(
    world: SeenWorld, model: dgf.LoadedRun, tmp_path: Path
) -> None:
    post = {**rows_of(world)[0], "id": "box", "image": "test-1.png", "tail": {"box": [0, 0, 1, 1]}}
    (world.posts / "boxed.jsonl").write_text(json.dumps(post) + "\n")
    answer, *others = model.predict_many([post, *dgf.read(world.posts / "boxed.jsonl").posts], photos=world.posts)
    tokens = [*post["tokens"], "[object]"]
    word = model.predict(tokens=tokens, head=post["head"], tail=(6, 7), image=world.posts / "test-1.png")
    assert [answer] == others and abs(answer.probability - word.probability) > 10 * LAST_DIGIT
    report = command("predict", world.run, world.posts / "boxed.jsonl", "--device", "cpu", "--work", tmp_path / "work")
    assert answer.probability == pytest.approx(json.loads(report.out)["probability"], abs=1e-3)
    line = json.dumps({**post, "image": "gone.png"}).encode()
    words = ("--device", "cpu", "--missing-images", "text-only")
    assert "is a box in the photo, and none was seen" in command("predict", world.run, "-", *words, stdin=line).err


def test_posts_of_one_id_keep_their_own_types(world: SeenWorld, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (world.posts / "train.jsonl").read_text().splitlines()]
    for post in rows:
        post.pop("image")
        post["head"]["type"], post["tail"]["type"] = "per", "org"
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(post) + "\n" for post in rows))
    (tmp_path / "val.jsonl").write_text("".join(json.dumps({**post, "id": f"v{post['id']}"}) + "\n" for post in rows))
    options = ("--device", "cpu", *TINY, "optim.epochs=1", "model.entity_types=file")
    done = command("train", tmp_path, "--out", tmp_path / "run", *options)
    assert done.code == 0, done.said
    model = dgf.load(tmp_path / "run", device="cpu")
    text: dict[str, Any] = {"id": "same", "text": "Ada met Bo", "head": {"span": [0, 3], "type": "per"}}
    posts = [{**text, "tail": {"span": [8, 10], "type": kind}} for kind in ("per", "org")]
    alone = [next(model.predict_many([post])) for post in posts]
    assert alone[0].probability != alone[1].probability
    assert [answer.probability for answer in model.predict_many(posts)] == pytest.approx(
        [answer.probability for answer in alone], abs=LAST_DIGIT
    )


def test_a_loss_is_that_of_training_and_has_its_gradient(world: SeenWorld, model: dgf.LoadedRun) -> None:
    config, device = RunFolder(world.run).finished_config(), torch.device("cpu")
    corpus = open_corpus(config, read_configured(config.data), device)
    network = load_model(world.run)
    split = prepare_splits(corpus, {"val": corpus.split("val")}, network, config, device, pool=False)["val"]
    batch = split.batches(np.arange(6))
    expected = network.loss(network(batch), batch)
    posts = dgf.read(world.posts)
    found = model.loss(posts.splits["val"], photos=posts.image_root)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {name: value.item() for name, value in expected.items()}, abs=1e-5
    )
    found["total"].backward()
    learns = [parameter for parameter in model.network.parameters() if parameter.requires_grad]  # type: ignore[attr-defined]
    assert learns and any(parameter.grad is not None and parameter.grad.any() for parameter in learns)
    rows = [json.loads(line) for line in (world.posts / "val.jsonl").read_text().splitlines()]
    assert model.loss(rows, photos=world.posts)["total"].item() == pytest.approx(found["total"].item(), abs=1e-5)
    others = [{**row, "relation": "/per/per/peer"} for row in rows]
    assert abs(model.loss(others, photos=world.posts)["total"].item() - found["total"].item()) > 1e-3


@pytest.mark.parametrize(
    ("post", "fault"),
    [
        ({"relation": "of no kind"}, "'of no kind' is none of the run's relations"),
        ({}, "None is none of the run's relations"),
        ({"relation": "None", "image": "gone.png"}, "photo gone.png"),
        ({"relation": "None", "head": "Zoe"}, "is not in the post"),
        ({"relation": 3}, "relation"),
    ],
)
def test_a_loss_needs_posts_that_can_be_used(model: dgf.LoadedRun, post: dict[str, Any], fault: str) -> None:
    with pytest.raises(dgf.UserError, match=fault):
        model.loss([{"text": "Ada met Bo", "head": "Ada", "tail": "Bo", **post}])
    with pytest.raises(dgf.UserError, match="needs a post"):
        model.loss([])


def test_a_run_of_the_hub_is_asked_for_by_its_prefix_alone(world: SeenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []

    def fetch(repository: str, *, revision: str | None, ignore_patterns: list[str]) -> str:
        asked.append((repository, revision))
        if repository == "owner/gone":
            raise RuntimeError("no route to host")
        return str(world.run)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    line = json.dumps({"text": "Ada met Bo", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}).encode()
    assert command("predict", "hub:owner/name@v1", "-", "--device", "cpu", stdin=line).code == 0
    assert dgf.load("hub:owner/name", device="cpu").relations and asked == [("owner/name", "v1"), ("owner/name", None)]
    for name, why in (
        ("hub:owner/gone", "no route to host"),
        ("hub:x", "not the name"),
        ("runs/gone", "no such folder"),
    ):
        with pytest.raises(dgf.UserError, match=why):
            dgf.load(name)
    assert len(asked) == 3


def test_what_cannot_be_asked_is_refused(world: SeenWorld, model: dgf.LoadedRun) -> None:
    with pytest.raises(dgf.UserError, match="dtype: 'float16' is not one of"):
        dgf.load(world.run, device="cpu", dtype="float16")  # type: ignore[arg-type]
    for wrong in ({"batch_size": 0}, {"batch_size": 1.5}, {"on_error": "skip"}):
        with pytest.raises(dgf.UserError, match=next(iter(wrong))):
            next(model.predict_many([{"text": "Ada met Bo", "head": "Ada", "tail": "Bo"}], **wrong))  # type: ignore[call-overload]
