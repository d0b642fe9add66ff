import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dgf.pipeline.errors import UserError
from dgf.workflows.config import resolve_config
from dgf.workflows.train import TrainSettings, train
from dgf.workflows.training.curves import Curves, draw_curves
from support.small_world import TINY, write_posts


def line(epoch: int, f1: float) -> dict[str, object]:
    val = {"f1": f1, "precision": 0.5, "recall": 0.4, "accuracy": 0.6}
    return {"epoch": epoch, "loss": {"total": 3.0 / epoch, "types": 0.2}, "val": val, "rows_per_second": 10.0}


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_the_curves_show_every_epoch() -> None:
    two, three = [line(1, 0.1), line(2, 0.3)], [line(1, 0.1), line(2, 0.3), line(3, 0.2)]
    assert pixels(draw_curves(two)).shape == (400, 1000, 3)
    assert (pixels(draw_curves(two)) != pixels(draw_curves(three))).any()
    assert draw_curves(three) == draw_curves(three)


def test_figures_of_an_oracle_are_marked_on_the_picture() -> None:
    def red(png: bytes) -> bool:
        return bool((pixels(png) == (178, 34, 34)).all(axis=2).any())

    assert red(draw_curves([line(1, 0.1) | {"protocol": "oracle-types (leaks the label)"}]))
    assert not red(draw_curves([line(1, 0.1)]))


def test_short_epochs_are_drawn_together(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    curves.update([line(1, 0.1)])
    assert not (tmp_path / "curves.png").exists()
    curves.finish([line(1, 0.1), line(2, 0.3)])
    assert (tmp_path / "curves.png").read_bytes() == draw_curves([line(1, 0.1), line(2, 0.3)])
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]


def test_a_run_ends_with_curves_a_summary_and_what_tensorboard_reads(tmp_path: Path) -> None:
    posts = write_posts(tmp_path / "posts")
    config = resolve_config("demo", None, [*TINY], {"path": str(posts), "missing_images": "text-only"})
    summary = train(TrainSettings(config, tmp_path / "run", "cpu", tensorboard=True))
    metrics = [json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert (tmp_path / "run" / "curves.png").read_bytes() == draw_curves(metrics)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    logged = [(event.step, event.value) for event in events.Scalars("loss/total")]
    assert logged == [(row["epoch"], pytest.approx(row["loss"]["total"])) for row in metrics]

    cost = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert cost == summary.cost
    assert (cost["epochs"], cost["device"], cost["processes"]) == (2, "cpu", 1)
    assert cost["seconds"] == pytest.approx(sum(row["seconds"] for row in metrics), abs=1e-3)
    rates = [row["rows_per_second"] for row in metrics]
    assert cost["rows_per_second"] == pytest.approx(sum(rates) / 2, abs=0.1)
    assert 0 <= cost["seconds_waited"] < cost["seconds"] and 0 <= cost["share_waited"] < 1
    assert cost["peak_memory_bytes"] > 100e6, "torch alone takes more"


def test_without_tensorboard_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name))
    config = resolve_config("demo", None, [*TINY], {"path": str(write_posts(tmp_path / "posts"))})
    with pytest.raises(UserError, match=r"pip install 'dgf\[tensorboard\]'"):
        train(TrainSettings(config, tmp_path / "run", "cpu", tensorboard=True))
    assert not (tmp_path / "run").exists()
