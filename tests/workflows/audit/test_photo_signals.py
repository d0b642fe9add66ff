"""What shards and photo files tell beside pixels, read for the posts that show them."""

import json
from pathlib import Path

import numpy as np

from dgf.pipeline.posts import read_dataset
from dgf.workflows.audit.run import audit
from dgf.workflows.audit.signals import NOTHING, AuditSettings, Signal, gather, number_signal
from support.small_world import write_posts, write_shards


def named(signals: tuple[Signal, ...]) -> dict[str, Signal]:
    return {signal.name: signal for signal in signals}


def test_shards_give_counts_sizes_and_what_is_missing(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", without=("test-0.png",))
    write_shards(posts, tmp_path / "features", tmp_path / "captions")
    settings = AuditSettings(posts, features=tmp_path / "features", captions=(tmp_path / "captions",))
    gathered = gather(settings)
    signals, test = named(gathered.signals), gathered.dataset.splits["test"]
    assert signals["features: whether the photo is there"].of(test) == ["False"] * 2 + ["True"] * 4
    assert signals["features: how many objects"].of(test) == [NOTHING] * 2 + ["2"] * 4
    assert signals["photo: its exact size"].of(test)[:2] == [NOTHING] * 2
    assert signals["captions: which words"].of(test)[2] == frozenset(["a", "picture", "of", "test-1.png"])
    assert "photo: whether its file is there" not in signals
    assert len(audit(settings, gathered).findings) == len(signals)


def test_photos_are_measured_where_their_files_lie(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts", without=("test-0.png",))
    (posts / "test-1.png").write_bytes(b"no photo")
    gathered = gather(AuditSettings(posts))
    signals, test = named(gathered.signals), gathered.dataset.splits["test"]
    assert signals["photo: its exact size"].of(test) == [NOTHING] * 4 + ["6 8"] * 2
    assert signals["photo: whether its file is there"].of(test) == [NOTHING] * 4 + ["yes"] * 2
    for photo in posts.glob("*.png"):
        photo.unlink()
    assert not any("its exact size" in signal.name for signal in gather(AuditSettings(posts)).signals)


def test_types_inside_a_data_set_are_audited_too(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    text = (posts / "train.jsonl").read_text().replace('"text": "Alice"', '"text": "Alice", "type": "per"')
    (posts / "train.jsonl").write_text(text)
    dataset = read_dataset(posts)
    assert dataset.splits["train"][0].head.type == "per"
    signals = named(gather(AuditSettings(posts)).signals)
    assert signals["types: which mentions have one"].of(dataset.splits["train"]) == ["head"] * 12
    assert signals["types: the pair"].of(dataset.splits["train"][:1]) == ["per nothing"]


def test_a_post_hears_of_the_relation_before_it_but_not_of_its_own_photos(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")  # two posts to a photo; relations in turn
    gathered = gather(AuditSettings(posts))
    heard = named(gathered.signals)["row order: relation of the post before"].of(gathered.dataset.splits["val"])
    second, first = "/per/org/member_of", "None"
    assert heard == [NOTHING, NOTHING, second, second, first, first]


def test_many_numbers_fall_into_ranges_of_as_many_posts() -> None:
    signal = number_signal("n", "n", {str(number): float(number) for number in range(200)})
    _, counts = np.unique(list(signal.values.values()), return_counts=True)
    assert len(counts) == 20 and counts.min() >= 9 and counts.max() <= 11
    few = number_signal("n", "n", {"a": 3, "b": 4})
    assert few.values == {"a": "3", "b": "4"}


def test_which_mentions_are_boxes_is_a_signal_and_so_is_how_large_they_are(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    assert not any(name.startswith("boxes") for name in named(gather(AuditSettings(posts)).signals))
    rows = [json.loads(line) for line in (posts / "test.jsonl").read_text().splitlines()]
    rows[0]["tail"] = {"box": [0, 0, 0.5, 0.5]}
    rows[1] |= {"head": {"box": [0, 0, 1, 0.5]}, "tail": {"box": [0, 0, 0.5, 1]}}
    rows[2]["head"] = {"box": [0, 0, 1, 1]}
    (posts / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    gathered = gather(AuditSettings(posts))
    signals, test = named(gathered.signals), gathered.dataset.splits["test"]
    assert signals["boxes: which mentions are one"].of(test)[:4] == ["tail", "both", "head", NOTHING]
    assert signals["boxes: area of the head"].of(test)[:4] == [NOTHING, "0.5", "1", NOTHING]
    assert signals["boxes: area of the tail"].of(test)[:4] == ["0.25", "0.5", NOTHING, NOTHING]
