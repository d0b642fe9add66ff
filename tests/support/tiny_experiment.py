"""An experiment of two tiny models and a rule over the small world, run as `dgf reproduce` runs it."""

from pathlib import Path
from typing import Any

from dgf.pipeline.jobs.base import WorkerPool
from dgf.workflows.reproduce.experiments import Experiment, check_experiment
from dgf.workflows.reproduce.plan import Wanted
from dgf.workflows.reproduce.run import Reproduced, ReproduceSettings, reproduce
from support.small_world import write_posts, write_shards

WORDS = (
    "language_model=random:gpt2?n_layer=1&n_embd=32&n_head=2",
    "mtb:language_model=random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=64",
    "optim.batch_size=4",
    "optim.epochs=2",
)
PAPER = {"accuracy": "85.25", "precision": "84.35", "recall": "83.83", "f1": "84.47"}
ROWS: list[dict[str, Any]] = [
    {"name": "majority", "title": "most frequent", "rule": "majority"},
    {"name": "dgf-pt", "title": "DGF-PT", "keys": {"model.prefix_hidden": 8}, "paper": PAPER, "source": "Table 2"},
    {
        "name": "mtb",
        "title": "MTB",
        "keys": {"model.name": "mtb"},
        "paper": {"accuracy": "-", "precision": "64.51", "recall": "68.44", "f1": "66.41"},
        "source": "Table 1",
    },
]


def tiny_content(**changes: Any) -> dict[str, Any]:
    """What the YAML file of the experiment holds."""
    figures = ["accuracy", "precision", "recall", "f1"]
    content = {"title": "Tiny", "of": "no table", "paper": [] if "rows" in changes else figures, "rows": ROWS}
    return content | changes


def tiny(name: str = "tiny", **changes: Any) -> Experiment:
    """The experiment."""
    experiment, faults = check_experiment(tiny_content(**changes), name)
    assert experiment is not None and not faults, faults
    return experiment


def write_world(root: Path) -> dict[str, Any]:
    """Write the posts, features and captions; return the `data` section."""
    root.mkdir(exist_ok=True)
    write_posts(root / "posts")
    write_shards(root / "posts", root / "features", root / "captions")
    return {"path": str(root / "posts"), "features": str(root / "features"), "captions": str(root / "captions")}


def asked(
    out: Path,
    data: dict[str, Any],
    *,
    seeds: tuple[int, ...] = (0, 1),
    rows: tuple[str, ...] = (),
    name: str = "tiny",
    rows_of: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> ReproduceSettings:
    """Settings of the experiment: `rows` are those to run, `rows_of` those that it has."""
    experiment = tiny(name, **({} if rows_of is None else {"rows": rows_of, "paper": []}), **changes)
    words = tuple(
        word for word in WORDS if not word.startswith("mtb:") or any(r.name == "mtb" for r in experiment.rows)
    )
    return ReproduceSettings(experiment, Wanted(seeds, words=words, data=data, rows=rows), out, WorkerPool())


def run_tiny(out: Path, data: dict[str, Any]) -> Reproduced:
    """Run the experiment."""
    import torch

    torch.set_num_threads(1)
    return reproduce(asked(out, data))


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Which file on the disk the model of each finished run is, and when it was written."""
    found = {}
    for file in (out / "runs").glob("*/model.safetensors"):
        if (file.parent / "model.json").is_file():
            status = file.stat()
            found[file.parent.name] = (status.st_ino, status.st_mtime_ns)
    return found
