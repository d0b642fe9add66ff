"""The whole of MNRE's text, without a photo: read, counted against its published facts, trained on and evaluated."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dgf.cli.main import cli
from dgf.model.labels import LabelSpace
from dgf.pipeline.posts import read_dataset
from dgf.workflows.scoring import score
from support.small_world import TINY

ROW = re.compile(r"^\| (\d+) \| (\S+)(?: \(sic\))? \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def test_rows_and_relations_are_those_of_its_facts(shared_dir: Path) -> None:
    facts = ROW.findall((shared_dir / "mnre" / "FACTS.md").read_text())
    assert len(facts) == 23
    dataset = read_dataset(shared_dir / "mnre")
    assert sum(map(len, dataset.splits.values())) == 15_485
    for number, name, *counts in facts:
        assert dataset.relations[int(number)] == name
        for split, count in zip(("train", "val", "test"), counts, strict=False):
            found = sum(post.relation == name for post in dataset.splits[split])
            assert found == int(count), (split, name)


def test_types_from_the_label_score_87_8_with_no_model_at_all(shared_dir: Path) -> None:
    """The figure in the README and in docs/figures.md: the most frequent relation of each gold type pair."""
    dataset = read_dataset(shared_dir / "mnre")
    labels = LabelSpace.from_relations(dataset.relations)

    def numbers(split: str) -> tuple[np.ndarray, list[tuple[int, ...]]]:
        relations = np.array([dataset.relations.index(post.relation or "") for post in dataset.splits[split]])
        return relations, [tuple(pair) for pair in labels.type_targets(torch.from_numpy(relations)).tolist()]

    relations, pairs = numbers("train")
    common = {
        pair: Counter(r for r, of in zip(relations.tolist(), pairs, strict=True) if of == pair).most_common(1)[0][0]
        for pair in set(pairs)
    }
    gold, pairs = numbers("test")
    scores = score(gold, np.array([common[pair] for pair in pairs]), labels.relations, labels.none)
    assert round(100 * scores.f1, 1) == 87.8
    assert round(100 * scores.accuracy, 1) == 95.2


@pytest.mark.long
@pytest.mark.slow
def test_a_small_model_trains_for_an_epoch_and_is_evaluated(shared_dir: Path, tmp_path: Path) -> None:
    words = [*TINY, "optim.epochs=1", "optim.batch_size=64", "model.object_prefix=none"]
    out = str(tmp_path / "run")
    data = str(shared_dir / "mnre")
    trained = CliRunner().invoke(
        cli, ["train", data, *words, "--preset", "demo", "--missing-images", "text-only", "--out", out]
    )
    assert trained.exit_code == 0, trained.output
    assert "12247 rows (12247 without a photo" in trained.stdout
    evaluated = CliRunner().invoke(cli, ["eval", out])
    assert evaluated.exit_code == 0, evaluated.output
    report = json.loads((tmp_path / "run" / "eval-test" / "report.json").read_text())
    assert (report["rows"], report["text_only_rows"], report["rows_with_missing_photo"]) == (1614, 1614, 1614)
    assert report["scores"]["accuracy"] > 974 / 1614, "no better than always saying None"
    assert len((tmp_path / "run" / "eval-test" / "predictions.jsonl").read_text().splitlines()) == 1614
