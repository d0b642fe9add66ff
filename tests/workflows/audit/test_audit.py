"""What is called a leak and what is not: MNRE's types, crops and captions, controls, and small worlds with a plant."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Dataset, read_dataset
from dgf.workflows.audit.findings import Finding
from dgf.workflows.audit.run import Audit, audit
from dgf.workflows.audit.signals import AuditSettings, Gathered, gather
from dgf.workflows.audit.type_pairs import audit_types
from support.leaky_posts import write_leaky

COUNT = "crops: how many"
PAIR = "types: the pair"


def of(found: Audit, signal: str) -> Finding:
    return next(finding for finding in found.findings if finding.signal == signal)


def in_percent(share: float) -> float:
    return round(100 * share, 1)


@pytest.fixture(scope="module")
def mnre(shared_dir: Path) -> Gathered:
    """MNRE with the types of its labels, and the public crops."""
    data = shared_dir / "mnre"
    return gather(AuditSettings(data, types="labels", crops=data / "crops"))


@pytest.fixture(scope="module")
def audited(mnre: Gathered) -> Audit:
    return audit(AuditSettings(mnre.dataset.root, types="labels"), mnre)


def permuted(dataset: Dataset, seed: int) -> Dataset:
    """The same posts, with the relations of each split dealt out at random."""
    rng = np.random.default_rng(seed)
    splits = {}
    for name, posts in dataset.splits.items():
        order = rng.permutation(len(posts))
        splits[name] = tuple(
            replace(post, relation=posts[place].relation) for post, place in zip(posts, order, strict=True)
        )
    return replace(dataset, splits=splits)


def test_types_of_labels_score_what_is_known_of_them_and_are_a_leak(audited: Audit) -> None:
    pair = of(audited, PAIR)
    assert (in_percent(pair.accuracy), in_percent(pair.f1), pair.level) == (95.2, 87.8, "leak")
    presence = of(audited, "types: which mentions have one")
    assert presence.there is not None and (presence.there.accuracy, presence.level) == (1.0, "leak")
    assert audited.oracle and audited.level == "leak"
    assert (in_percent(audited.baseline.accuracy), audited.baseline.f1) == (60.3, 0.0)


def test_the_public_crops_tell_none_from_a_relation(audited: Audit) -> None:
    crops = of(audited, COUNT)
    assert crops.there is not None
    assert (in_percent(crops.there.accuracy), in_percent(crops.there.baseline), crops.level) == (99.1, 60.3, "leak")
    assert crops.there.p_value < 0.01


def test_nothing_else_in_mnre_is_a_leak(audited: Audit) -> None:
    called = {finding.signal for finding in audited.findings if finding.level != "no leak"}
    assert called == {PAIR, "types: which mentions have one", COUNT}


def test_shared_sentences_are_listed(audited: Audit) -> None:
    shared = [(pair.one, pair.other, pair.sentences, pair.photos) for pair in audited.shared]
    assert shared == [("train", "val", 5, 0), ("train", "test", 2, 0), ("val", "test", 1, 0)]
    assert any("Senate Minority Leader" in example for example in audited.shared[1].examples)


@pytest.mark.parametrize("seed", range(3))
def test_permuted_labels_leave_nothing_to_find(mnre: Gathered, seed: int) -> None:
    control = replace(mnre, dataset=permuted(mnre.dataset, seed))
    found = audit(AuditSettings(mnre.dataset.root), control)
    assert {finding.signal: finding.level for finding in found.findings if finding.level != "no leak"} == {}


@pytest.mark.parametrize("model", ["BLIP", "llavanext"])
def test_captions_of_public_models_are_not_called(shared_dir: Path, model: str) -> None:
    files = tuple(shared_dir / "mnre-captions" / f"{model}_{split}.txt" for split in ("train", "val", "test"))
    found = audit(AuditSettings(shared_dir / "mnre", captions=files))
    assert found.level == "no leak"
    words = of(found, "captions: which words")
    assert words.there is not None and words.which is not None
    assert 0 < words.there.effect < 0.1 and 0.1 < words.which.effect < 0.25


@pytest.mark.parametrize("seed", range(20))
def test_a_planted_count_of_crops_is_caught(tmp_path: Path, seed: int) -> None:
    data, crops = write_leaky(tmp_path, seed, planted=True)
    found = audit(AuditSettings(data, crops=crops))
    assert [finding.signal for finding in found.findings if finding.level == "leak"] == [COUNT]


def test_clean_worlds_are_not_called_but_for_one_in_twenty(tmp_path: Path) -> None:
    called = []
    for seed in range(20):
        data, crops = write_leaky(tmp_path / str(seed), seed, planted=False)
        called += [seed] if audit(AuditSettings(data, crops=crops)).level != "no leak" else []
    assert len(called) <= 1


def test_without_training_rows_each_half_teaches_the_other(tmp_path: Path) -> None:
    data, crops = write_leaky(tmp_path, 0, planted=True)
    (data / "train.jsonl").unlink()
    (crops / "crops_train.json").unlink()
    found = audit(AuditSettings(data, crops=crops))
    assert found.fitted_on == "the other half of test" and found.rows == 300
    assert of(found, COUNT).level == "leak"


def test_what_only_the_scored_split_has_is_learned_there(tmp_path: Path) -> None:
    data, crops = write_leaky(tmp_path, 0, planted=True)
    found = audit(AuditSettings(data, crops=crops / "crops_test.json"))
    assert of(found, COUNT).fitted_on == "the other half of test" and of(found, COUNT).level == "leak"
    assert of(found, "file name: its shape").fitted_on == "train"


def test_rows_sorted_by_relation_and_names_of_files_are_caught(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    for split in ("train", "test"):
        rows = [json.loads(line) for line in (data / f"{split}.jsonl").read_text().splitlines()]
        rows.sort(key=lambda row: row["relation"])
        for number, row in enumerate(rows):
            row["image"] = f"{row['relation'] == 'None'}_{6000 * number // len(rows)}.jpg"
        (data / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = audit(AuditSettings(data))
    called = {finding.signal for finding in found.findings if finding.level == "leak"}
    assert called == {
        "file name: its shape",
        "file name: what comes before digits",
        "file name: its last number",
        "row order: the place in the file",
        "row order: relation of the post before",
    }


def test_words_given_for_rows_are_read(tmp_path: Path) -> None:
    data, crops = write_leaky(tmp_path, 0, planted=False)
    for split in ("train", "test"):
        rows = [json.loads(line) for line in (data / f"{split}.jsonl").read_text().splitlines()]
        told = {str(n): f"Ann Bob {'nobody' if row['relation'] == 'None' else 'person'}" for n, row in enumerate(rows)}
        (crops / f"phrases_{split}.json").write_text(json.dumps(told))
        (crops / f"crops_{split}.json").unlink()
    (crops / "crops_val.json").unlink()
    found = audit(AuditSettings(data, phrases=crops))
    assert of(found, "phrases: which words").level == "leak"
    assert of(found, "phrases: how many words").level == "no leak"


def test_crops_of_torch_are_read_as_data_alone(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    (tmp_path / "pth").mkdir()
    for split in ("train", "test"):
        torch.save({number: ["a.png"] for number in range(300)}, tmp_path / "pth" / f"mre_{split}_dict.pth")
    torch.save({number: ["a.png"] for number in range(100)}, tmp_path / "pth" / "mre_dev_dict.pth")
    assert of(audit(AuditSettings(data, crops=tmp_path / "pth")), COUNT).values == 1
    torch.save({0: Path}, tmp_path / "pth" / "mre_test_dict.pth")
    with pytest.raises(UserError, match="cannot be read as a file of torch"):
        audit(AuditSettings(data, crops=tmp_path / "pth"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("crops_test.pth", "version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        ("crops_test.json", "{", "not JSON"),
        ("crops_test.json", '{"a": []}', "not the number of a row"),
        ("crops_test.json", '{"0": 3}', "neither a list of names nor text"),
        ("crops_test.json", '{"9000": []}', "none of the 300 rows"),
        ("crops_test.json", "[]", "does not tell anything of rows"),
        ("crops.json", "[[]]", "does not say its split"),
        ("gone_test.json", None, "no such file"),
    ],
)
def test_what_is_no_file_of_rows_is_refused(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False, sizes={"train": 30, "val": 10, "test": 300})
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=said):
        audit(AuditSettings(data, crops=tmp_path / name))


def test_a_split_that_is_not_there_or_has_no_relation_is_an_error(tmp_path: Path) -> None:
    data, _ = write_leaky(tmp_path, 0, planted=False)
    with pytest.raises(UserError, match="no rows in a split called 'tset'"):
        audit(AuditSettings(data, split="tset"))
    rows = [json.loads(line) | {"relation": None} for line in (data / "test.jsonl").read_text().splitlines()]
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="no row of the split test has a relation"):
        audit(AuditSettings(data))


def test_a_data_set_whose_every_relation_counts_is_asked_for_names_alone(tmp_path: Path) -> None:
    data, crops = write_leaky(tmp_path, 0, planted=True)
    found = audit(AuditSettings(data, crops=crops, negative_label=""))
    assert found.negative is None and found.positives == found.rows
    assert all(finding.there is None and finding.which is not None for finding in found.findings)
    assert of(found, COUNT).which is not None


def types_of(dataset: Dataset, *, rows: str = "") -> dict[str, tuple[str | None, str | None]]:
    """Types read out of relations, of the posts whose id begins so."""
    pairs = {post.id: (post.relation or "").split("/")[1:3] for post in dataset.posts if post.id.startswith(rows)}
    return {post: (pair[0], pair[1]) for post, pair in pairs.items() if len(pair) == 2}


@pytest.mark.parametrize("given", ["", "test"])
def test_types_made_from_relations_are_a_leak_also_where_only_the_scored_split_has_them(
    tmp_path: Path, given: str
) -> None:
    dataset = read_dataset(write_leaky(tmp_path, 0, planted=False)[0])
    verdict = audit_types(dataset, types_of(dataset, rows=given))
    assert verdict.level == "leak" and "these types give the relation away" in verdict.sentence
    ways = {"the other half of test"} | ({"train"} if given == "" else set())
    assert {finding.fitted_on for finding in verdict.findings} == ways


def test_types_that_leak_in_the_scored_split_alone_are_caught(tmp_path: Path) -> None:
    dataset = read_dataset(write_leaky(tmp_path, 0, planted=False)[0])
    honest: dict[str, tuple[str | None, str | None]] = {post.id: ("per", "org") for post in dataset.splits["train"]}
    assert audit_types(dataset, honest | types_of(dataset, rows="test")).level == "leak"


def test_types_by_chance_and_none_at_all_are_no_leak(tmp_path: Path) -> None:
    dataset, rng = read_dataset(write_leaky(tmp_path, 0, planted=False)[0]), np.random.default_rng(0)
    drawn = {post.id: (str(rng.choice(["per", "org"])), str(rng.choice(["per", "loc"]))) for post in dataset.posts}
    assert audit_types(dataset, drawn).level == "no leak"
    assert audit_types(dataset, {}).level == "no leak"


def test_types_of_a_split_without_relations_are_not_audited(tmp_path: Path) -> None:
    dataset = read_dataset(write_leaky(tmp_path, 0, planted=False)[0])
    bare = replace(dataset, splits={"test": tuple(replace(post, relation=None) for post in dataset.splits["test"])})
    verdict = audit_types(bare, {})
    assert verdict.level is None and "not audited" in verdict.sentence


def test_types_that_a_reader_of_the_text_could_find_are_no_leak(tmp_path: Path) -> None:
    """Types of most mentions right, of rows without a relation too: they name relations rightly."""
    dataset, rng = read_dataset(write_leaky(tmp_path, 0, planted=False)[0]), np.random.default_rng(0)
    pairs = types_of(dataset)
    kinds = list(pairs.values())
    guessed = {
        post.id: pairs[post.id] if post.id in pairs and rng.random() < 0.6 else kinds[int(rng.integers(len(kinds)))]
        for post in dataset.posts
    }
    assert audit_types(dataset, guessed).level == "no leak"
