"""Which runs an experiment takes: each a configuration, in a folder that the digest of the whole of it names."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dgf.model.catalog import DEFAULT_MODEL
from dgf.model.config import plain_values
from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig, digest_config, names_language_model
from dgf.workflows.reproduce.experiments import Experiment, Row, resolve


@dataclass(frozen=True, slots=True)
class Wanted:
    """How the rows of an experiment are to be run.

    Args:
        seeds: Of each row.
        preset: Where each row starts.
        words: `key=value` for every row, and `MODEL:key=value` for those of a model, which a row's own keys override;
            `ROW:key=value` for one row, which overrides them.
        data: Values of the `data` section.
        rows: Those to run; all where none is named.
    """

    seeds: tuple[int, ...]
    preset: str = "paper"
    words: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowRun:
    """A run of a row.

    Args:
        row: Its name.
        varied: The `key=value` of the experiment that it is run with, or nothing.
        seed: Of the run.
        config: Resolved, its seed included.
        named: Whether the words given name its language model, so that it may be fetched.
        chosen: Whether it is to be run, rather than only looked up.
    """

    row: str
    varied: str
    seed: int
    config: TrainConfig
    named: bool
    chosen: bool

    @property
    def digest(self) -> str:
        """Name of the run's folder."""
        return digest_config(plain_values(self.config))[:16]

    @property
    def name(self) -> str:
        """For people."""
        return " ".join(filter(None, (self.row, self.varied, f"seed {self.seed}")))


def parse_row_names(text: str | None) -> tuple[str, ...]:
    """Read names such as `mtb,dgf-pt`."""
    return tuple(name.strip() for name in text.split(",")) if text else ()


def plan_runs(experiment: Experiment, wanted: Wanted) -> list[RowRun]:
    """Resolve the configuration of every row, with all that varies and every seed, in the order of the experiment.

    Raises:
        UserError: A row, scope or key is unknown, or a value out of range; every fault is named at once.
    """
    names = [row.name for row in experiment.rows if row.rule is None]
    faults = [f"--rows: there is no row {name!r}" for name in wanted.rows if name not in names]
    runs: list[RowRun] = []
    for row in experiment.rows:
        for point in experiment.points if row.rule is None else ():
            for seed in wanted.seeds:
                run, wrong = _plan_run(row, point, seed, wanted)
                faults += [f"{row.name}: {fault}" for fault in wrong]
                runs += [run] if run is not None else []
    scopes = {*names, *(_model_of(run.config) for run in runs)}
    asked = [scope for scope, _ in map(_split_scope, wanted.words) if scope]
    faults += [
        f"{scope}: is no row of {experiment.name}, and no row is of a model of that name"
        for scope in asked
        if scope not in scopes
    ]
    if faults:
        every = list(dict.fromkeys(faults))
        message = f"{experiment.name}: {len(every)} fault(s) in rows or configuration:"
        raise UserError("\n  ".join([message, *every]), f"Its rows are {', '.join(names)}.")
    return runs


def _plan_run(row: Row, point: str, seed: int, wanted: Wanted) -> tuple[RowRun | None, list[str]]:
    model = str(row.keys.get("model.name", DEFAULT_MODEL))
    given = [_split_scope(word) for word in wanted.words]
    of_model = [word for scope, word in given if not scope] + [word for scope, word in given if scope == model]
    of_row = [word for scope, word in given if scope == row.name]
    words = [*of_model, *row.words, *of_row, *filter(None, [point]), f"seed={seed}"]
    config, faults = resolve(words, wanted.preset, wanted.data)
    if config is None or faults:
        return None, faults
    if not sees_photos(config):  # one run for all shares of the photos
        config = replace(config, data=replace(config.data, image_share=1.0))
    if config.model.reads.alignment is None:  # and one with and without scene graphs
        config = replace(config, data=replace(config.data, graphs=None))
    named = names_language_model(None, [*of_model, *of_row])
    return RowRun(row.name, point, seed, config, named, not wanted.rows or row.name in wanted.rows), []


def sees_photos(config: TrainConfig) -> bool:
    """Whether anything of a photo, its caption among it, reaches the model."""
    reads = config.model.reads
    return bool(reads.objects or reads.image or reads.captions)


def _split_scope(word: str) -> tuple[str, str]:
    """`mtb` and `key=value` of `mtb:key=value`; no scope where there is none."""
    key, equals, value = word.partition("=")
    scope, _, key = key.rpartition(":")
    return scope, key + equals + value


def _model_of(config: TrainConfig) -> str:
    return str(plain_values(config.model)["name"])
