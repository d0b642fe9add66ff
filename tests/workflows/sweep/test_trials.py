from pathlib import Path
from typing import Any

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.files import canonical_digest
from dgf.workflows.sweep.trials import Recipe, Trial, plan_trials, seedless

SPACE = {"optim.learning_rate": (1e-4, 2e-4), "model.dropout": (0.1, 0.3, 0.6)}


def trials_of(space: Any = SPACE, *words: str, seeds: tuple[int, ...] = (0,), **how: Any) -> list[Trial]:
    recipe = Recipe("demo", None, words, {"path": "posts"})
    given = {"faults": [], "trials": None, "search": "grid", "source": Path("space.yaml"), **how}
    return plan_trials(recipe, space, seeds=seeds, **given)


def test_a_grid_is_every_point_in_order_with_every_seed() -> None:
    trials = trials_of(seeds=(3, 5))
    points = [(trial.values["optim.learning_rate"], trial.values["model.dropout"]) for trial in trials]
    assert points == [(rate, dropout) for rate in (1e-4, 2e-4) for dropout in (0.1, 0.3, 0.6)]
    for trial, (rate, dropout) in zip(trials, points, strict=True):
        for seed, config in trial.configs.items():
            assert (config.optim.learning_rate, config.model.dropout) == (rate, dropout)  # type: ignore[attr-defined]
            assert config.seed == config.model.seed == seed
        assert list(trial.configs) == [3, 5]


def test_a_folder_is_named_by_the_configuration_without_its_seed() -> None:
    names = [trial.folder for trial in trials_of(seeds=(0, 1))]
    assert len(set(names)) == 6
    assert [trial.folder for trial in trials_of(seeds=(4,))] == names
    assert not {trial.folder for trial in trials_of(SPACE, "optim.epochs=7")} & set(names)
    assert not {trial.folder for trial in trials_of(SPACE, "model.seed=7")} & set(names)
    [alone] = trials_of({"model.dropout": (0.3,)}, "optim.learning_rate=2e-4")
    assert alone.folder == trials_of()[4].folder, "whatever the way to the configuration"


def test_a_key_that_came_later_names_a_folder_where_it_changes_something() -> None:
    words = ("model.name=prompt", "language_model=random:gpt2")
    before, told = (trials_of({"optim.epochs": (1,)}, *words, *more)[0] for more in ((), ("model.captions=true",)))
    values = seedless(before.configs[0])
    assert values["model"].pop("captions") is False
    assert before.folder == f"trial-{canonical_digest(values)[:12]}" != told.folder


def test_random_trials_are_different_points_and_part_of_more_of_them() -> None:
    few, more = (trials_of(search="random", trials=count) for count in (2, 5))
    assert [trial.folder for trial in few] == [trial.folder for trial in more[:2]]
    assert len({trial.folder for trial in more}) == 5
    other = trials_of(search="random", trials=5, seeds=(1,))
    assert [trial.folder for trial in other] != [trial.folder for trial in more]
    assert len(trials_of(search="random", trials=99)) == 6


def test_every_fault_of_space_and_configuration_is_told_at_once() -> None:
    space = {"optim.learning_rat": (1,), "model.plm": ("frozen", "thawed", 3), "optim.epochs": (2,)}
    with pytest.raises(UserError) as caught:
        trials_of(space, "optim.epochs=4", "model.delta=-1", faults=["empty: an empty list"], trials=2)
    told = str(caught.value)
    assert told.startswith("space.yaml: 7 fault(s)")
    for part in (
        "model.delta: ",
        "empty: an empty list",
        "optim.epochs: is also given as a word",
        "did you mean optim.learning_rate?",
        "'thawed' is none of",
        "3 is none of",
        "the grid has 3 points, --trials 2: give --search random",
    ):
        assert part in told


def test_points_that_are_one_configuration_are_refused() -> None:
    with pytest.raises(UserError, match="the same configuration"):
        trials_of({"model.type_restriction": ("off", False)})


def test_a_grid_of_too_many_trials_is_refused_and_a_draw_of_it_is_not() -> None:
    space = {"optim.epochs": tuple(range(1, 1001)), "optim.batch_size": (1, 2, 4)}
    with pytest.raises(UserError, match="that would be 3000 trials, more than 2000"):
        trials_of(space)
    assert len(trials_of(space, search="random", trials=3)) == 3
