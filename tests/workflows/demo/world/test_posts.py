"""The world on disk: the same for the same seed, readable as MNRE, and only its evidence gives a relation away."""

import ast
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.tree import DecisionTreeClassifier

from dgf.pipeline.photos import find_image
from dgf.pipeline.posts import NONE, read_dataset
from dgf.workflows.audit.run import audit
from dgf.workflows.audit.signals import AuditSettings
from dgf.workflows.demo.world import (
    SIDE_FILE,
    WORLD_RELATIONS,
    DrawnPost,
    draw_posts,
    draw_scene,
    training_scenes,
    write_with_irrelevant_photos,
    write_world,
)
from dgf.workflows.demo.world.evidence import list_cases
from dgf.workflows.demo.world.grammar import CORES, write_sentence
from dgf.workflows.demo.world.names import Names
from support import ENVIRONMENT

ROWS = {"train": 40, "val": 12, "test": 20}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("world")
    write_world(out, ROWS)
    return out


@pytest.fixture(scope="module")
def posts() -> dict[str, list[DrawnPost]]:
    return draw_posts({"train": 900, "val": 200, "test": 600}, seed=0)


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_reads_as_mnre(folder: Path) -> None:
    dataset = read_dataset(folder)
    assert {split: len(posts) for split, posts in dataset.splits.items()} == ROWS
    assert dataset.relations == WORLD_RELATIONS
    assert not dataset.faults
    for split in dataset.splits.values():
        for post in split:
            assert find_image(dataset, post) is not None
            for mention in (post.head, post.tail):
                assert mention.text == " ".join(post.tokens[mention.start : mention.end])


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_world(tmp_path, ROWS)
    assert files_of(tmp_path) == files_of(folder)


def test_the_order_of_sets_changes_nothing() -> None:
    code = "from dgf.workflows.demo.world import draw_posts; print(draw_posts({'train': 60}, 0))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**ENVIRONMENT, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_another_seed_writes_other_posts_and_photos(folder: Path, tmp_path: Path) -> None:
    write_world(tmp_path, ROWS, seed=1)
    ours, theirs = files_of(folder), files_of(tmp_path)
    assert set(ours) == set(theirs)
    same = {str(path) for path in ours if ours[path] == theirs[path]}
    assert same == {"ours_rel2id.json"}


def test_the_side_file_knows_each_post(folder: Path) -> None:
    known = [json.loads(line) for line in (folder / "world.jsonl").read_text(encoding="utf-8").splitlines()]
    dataset = read_dataset(folder)
    by_id = {post.id: post for posts in dataset.splits.values() for post in posts}
    assert [row["id"] for row in known] == list(by_id)
    for row in known:
        assert row["relation"] == by_id[row["id"]].relation
        assert row["decided_by"] in ("text", "photo", "both", "nothing")
        with Image.open(folder / "img_org" / row["id"].split(":")[0] / row["photo"]) as photo:
            assert (photo.format, photo.mode, list(photo.size)) == ("JPEG", "RGB", row["size"])
            assert 320 <= max(photo.size) <= 480
        assert any(thing["matters"] for thing in row["things"]) == (row["photo_role"] != "irrelevant")
    ceilings = json.loads((folder / "ceilings.json").read_text(encoding="utf-8"))
    assert set(ceilings["splits"]) == set(ROWS) and ceilings["population"]["both"]["f1"] > 95


def test_splits_share_no_name_no_account_no_sentence_and_no_scene(posts: dict[str, list[DrawnPost]]) -> None:
    def told(post: DrawnPost) -> Iterator[str]:
        row = post.row
        yield from (row["h"]["name"], row["t"]["name"], " ".join(row["token"]))  # type: ignore[index, arg-type]
        yield from (word for word in row["token"] if word.startswith("@"))  # type: ignore[attr-defined]
        yield str(post.scene)
        yield str([thing.box for thing in post.scene.things])

    everything = [word for split in posts.values() for post in split for word in told(post)]
    assert len(set(everything)) == len(everything)


def test_training_scenes_are_not_those_of_posts(posts: dict[str, list[DrawnPost]]) -> None:
    of_posts = {post.scene for split in posts.values() for post in split}
    assert not of_posts & {scene for scene, _ in zip(training_scenes(0), range(500), strict=False)}


def surface(post: DrawnPost, index: int) -> list[float]:
    """What of a post means nothing: numbers of things and words, sizes, its row."""
    photo = io.BytesIO()
    draw_scene(post.scene).save(photo, "JPEG", quality=post.quality)
    words = post.row["token"]
    assert isinstance(words, list)
    size = len(photo.getvalue())
    return [len(post.scene.things), *post.scene.size, size, len(words), len(" ".join(words)), index]


def test_nothing_on_the_surface_tells_none_from_a_relation(posts: dict[str, list[DrawnPost]]) -> None:
    seen = {
        split: np.array([surface(post, i) for i, post in enumerate(posts[split])], dtype=float)
        for split in ("train", "test")
    }
    none = {split: np.array([post.case.relation == NONE for post in posts[split]]) for split in seen}
    majority = float(np.mean(~none["test"]))
    noise = 2 * (0.24 / len(none["test"])) ** 0.5

    def accuracy(leak: float) -> float:
        train, test = (seen[split] + leak * none[split][:, None] for split in ("train", "test"))
        tree = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=0).fit(train, none["train"])
        return float(tree.score(test, none["test"]))

    assert accuracy(leak=0) <= majority + noise
    assert accuracy(leak=1) > majority + noise  # one thing more in photos without a relation would have been seen


def test_every_kind_of_sentence_has_cores_with_one_head_and_one_tail() -> None:
    assert set(CORES) == {case.text for case in list_cases()}
    for cores in CORES.values():
        for core in cores:
            words = re.sub(r"\[[^\]]*\]", "", core).split()
            assert words.count("{h}") == words.count("{t}") == 1
    everywhere = [core for cores in CORES.values() for core in cores]
    assert len(everywhere) > 80


def test_a_sentence_tells_where_its_entities_are() -> None:
    for text in CORES:
        words, head, tail = write_sentence(text, "Ada Lark", "Port Alba Cup", "@larkpost", random.Random(text))
        assert words[slice(*head)] == ["Ada", "Lark"] and words[slice(*tail)] == ["Port", "Alba", "Cup"]


def test_no_name_is_made_twice() -> None:
    names = Names()
    made = [names.entity(kind, random.Random(0)) for kind in ("per", "org", "loc", "misc") for _ in range(20)]
    made += [names.handle(random.Random(0)) for _ in range(20)]
    assert len(set(made)) == len(made)


def test_posts_with_irrelevant_photos_differ_in_their_photos_alone_and_more_come_after_them(tmp_path: Path) -> None:
    rows = {"train": 30, "val": 1, "test": 30}
    write_world(tmp_path / "world", rows)
    ceilings = write_with_irrelevant_photos(tmp_path / "others", rows, more=50)
    known = {line["photo"]: line for line in map(json.loads, (tmp_path / "world" / SIDE_FILE).read_text().splitlines())}
    texts = [(tmp_path / name / "txt/ours_test.txt").read_text().splitlines() for name in ("world", "others")]
    before, after = ([ast.literal_eval(line) for line in lines] for lines in texts)
    shown = {row["img_id"] for row in after}
    assert len(shown) > 1 and all(known[photo]["photo_role"] == "irrelevant" for photo in shown)
    assert [row | {"img_id": ""} for row in before] == [row | {"img_id": ""} for row in after[:30]]
    assert len(after) == 80 and ceilings.splits.keys() == {"test"}
    trained = (tmp_path / "world/txt/ours_train.txt").read_text().splitlines()
    names = {row[key]["name"] for row in map(ast.literal_eval, trained) for key in "ht"}
    assert not any(row[key]["name"] in names for row in after for key in "ht")
    assert [path.name for path in (tmp_path / "others/txt").iterdir()] == ["ours_test.txt"]


def test_an_audit_finds_no_leak_in_what_a_demo_writes(tmp_path: Path) -> None:
    write_world(tmp_path, {"train": 900, "val": 1, "test": 300})
    audited = audit(AuditSettings(tmp_path))
    assert audited.level == "no leak" and not audited.shared
    assert audited.findings and all(not finding.unsure for finding in audited.findings)
    for split in ("train", "test"):  # and one where names of photos say whether there is a relation
        file = tmp_path / "txt" / f"ours_{split}.txt"
        rows = [ast.literal_eval(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            new = f"{'a' if row['relation'] == NONE else 'b'}_{row['img_id'].rsplit('_')[-1]}"
            (tmp_path / "img_org" / split / row["img_id"]).rename(tmp_path / "img_org" / split / new)
            row["img_id"] = new
        file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    assert audit(AuditSettings(tmp_path)).level == "leak"
