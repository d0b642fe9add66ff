"""Configurations as trials: what all have in common, what each varies, and the folder that its digest names."""

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dgf.model.config import plain_values
from dgf.pipeline.errors import UserError
from dgf.workflows.config import TrainConfig, check_config, digest_config, resolve_config
from dgf.workflows.sweep.space import Space

MOST_POINTS = 1_000_000
"""Of a space, of which some are drawn."""

MOST_TRIALS = 2000
"""Of a sweep: each of them is a training run, and a mistyped step soon asks for more."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `resolve_config` makes a configuration of; see there."""

    preset: str = "paper"
    file: Path | None = None
    words: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)

    def resolve(self, *more: str) -> TrainConfig:
        """The configuration with more `key=value` words.

        Raises:
            UserError: Anything in it is unknown or out of range; every fault is named at once.
        """
        return resolve_config(self.preset, self.file, [*self.words, *more], self.data)

    def faults(self, *more: str) -> list[str]:
        """What is wrong with the configuration with more words."""
        return check_config(self.preset, self.file, [*self.words, *more], self.data)[1]


@dataclass(frozen=True, slots=True)
class Trial:
    """A point of the space.

    Args:
        values: By key.
        configs: Its configuration with each seed.
        folder: Name of its folder: the digest of its configuration without the seed.
    """

    values: Mapping[str, Any]
    configs: Mapping[int, TrainConfig]
    folder: str


def plan_trials(
    recipe: Recipe,
    space: Space,
    faults: list[str],
    seeds: tuple[int, ...],
    *,
    trials: int | None,
    search: Literal["grid", "random"],
    source: Path,
) -> list[Trial]:
    """Make the trials of a space: all its points in order, or some that the first seed draws, more of them later.

    Args:
        recipe: What the trials have in common.
        space: What they vary.
        faults: What was found wrong with the space already.
        seeds: Each trial is run with all of them.
        trials: Most of them; None for all.
        search: Whether all points are wanted (`grid`), or a draw (`random`).
        source: Of the space, for messages.

    Raises:
        UserError: Anything is wrong with space or configuration; every fault is named at once.
    """
    given = {word.partition("=")[0] for word in recipe.words}
    faults = [*recipe.faults(), *faults, *(f"{key}: is also given as a word" for key in space if key in given)]
    for key, values in space.items():
        for value in values:
            faults += recipe.faults(_word(key, value))
    count = math.prod(map(len, space.values()))
    if search == "grid" and trials is not None and count > trials:
        faults.append(f"the grid has {count} points, --trials {trials}: give --search random for a draw of them")
    if count > MOST_POINTS:
        faults.append(f"the space has {count} points, more than {MOST_POINTS}: take longer steps")
    elif (wanted := count if trials is None else min(count, trials)) > MOST_TRIALS:
        told = f"that would be {wanted} trials, more than {MOST_TRIALS}"
        faults.append(f"{told}: take longer steps, or --search random --trials N for a draw of N")
    if faults:
        every = list(dict.fromkeys(faults))
        raise UserError("\n  ".join([f"{source}: {len(every)} fault(s) in the space or the configuration:", *every]))
    points = list(itertools.product(*space.values()))
    if search == "random":
        drawn = np.random.default_rng(seeds[0]).permutation(count)[:trials]
        points = [points[i] for i in drawn]
    planned = [_trial(recipe, dict(zip(space, point, strict=True)), seeds) for point in points]
    by_folder: dict[str, Trial] = {}
    for trial in planned:
        if (other := by_folder.setdefault(trial.folder, trial)) is not trial:
            raise UserError(
                f"{source}: {other.values} and {trial.values} are the same configuration", "Leave one of them out."
            )
    return planned


def _trial(recipe: Recipe, values: Mapping[str, Any], seeds: tuple[int, ...]) -> Trial:
    words = [_word(key, value) for key, value in values.items()]
    configs = {seed: recipe.resolve(*words, f"seed={seed}") for seed in seeds}
    return Trial(values, configs, f"trial-{digest_config(seedless(configs[seeds[0]]))[:12]}")


def seedless(config: TrainConfig) -> dict[str, Any]:
    """The configuration without its seed, and without that of the model where it is the same."""
    values = plain_values(config)
    if values["model"].get("seed") == values.pop("seed"):
        del values["model"]["seed"]
    return values


def _word(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value)}"  # JSON is YAML
