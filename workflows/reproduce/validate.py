"""`dgf reproduce validate`: every row of every experiment, built small, trained for one step and evaluated."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dgf.model.errors import ModelError
from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig
from dgf.workflows.reproduce.evaluated import PlannedEvaluation, evaluate_run
from dgf.workflows.reproduce.experiments import Experiment
from dgf.workflows.reproduce.plan import RowRun, Wanted, plan_runs
from dgf.workflows.reproduce.tiny_world import write_tiny_world
from dgf.workflows.train import TrainSettings, train

_SMALL = {
    "gpt2": "random:gpt2?n_layer=1&n_embd=32&n_head=2",
    "openai-gpt": "random:openai-gpt?n_layer=1&n_embd=32&n_head=2",
    "bert": "random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=64",
    "llama": "random:llama?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&num_key_value_heads=2"
    "&intermediate_size=64",
}
"""A language model of each kind, one layer of it."""

_ALIKE = (("openai-gpt", "openai-gpt"), ("gpt", "gpt2"), ("bert", "bert"), ("words", "words"))
"""Part of a language model's name, and its kind; all others are like `llama`."""


@dataclass(frozen=True, slots=True)
class Validated:
    """A row that was tried: `fault` says why it does not run."""

    row: str
    fault: str | None


def validate_rows(experiments: Sequence[Experiment]) -> Iterator[Validated]:
    """Try every row of some experiments, with the first value of each key that varies; a run that is shared, once."""
    with tempfile.TemporaryDirectory(prefix="dgf-validate-") as work:
        data = write_tiny_world(Path(work) / "world")
        tried: dict[str, str | None] = {}
        for experiment in experiments:
            experiment = replace(experiment, varies={key: values[:1] for key, values in experiment.varies.items()})
            for run in plan_runs(experiment, Wanted(seeds=(0,), data=data)):
                small = replace(run, config=_shrink(run.config))
                if small.digest not in tried:
                    tried[small.digest] = _try(small, Path(work) / small.digest)
                yield Validated(f"{experiment.name} {run.row} {run.varied}".rstrip(), tried[small.digest])


def _shrink(config: TrainConfig) -> TrainConfig:
    """The same with a random language model of one layer, and one step."""
    name = config.language_model.casefold()
    kind = next((kind for part, kind in _ALIKE if part in name), "llama")
    return replace(
        config,
        language_model=_SMALL.get(kind, kind),
        optim=replace(config.optim, epochs=1, batch_size=64, accumulate=1),
    )


def _try(run: RowRun, folder: Path) -> str | None:
    """Train and evaluate; return what goes wrong, whatever it is."""
    try:
        train(TrainSettings(run.config, folder, "cpu"))
        evaluate_run(PlannedEvaluation(folder, run.config.data.image_share, {}, "cpu"))
    except (UserError, ModelError) as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None
