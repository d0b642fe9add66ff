"""The whole of MNRE's text, without a photo: read, counted against its published facts, trained on and evaluated."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.small_world import TINY

from dgf.cli.main import cli
from dgf.pipeline.datasets import read_dataset

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
