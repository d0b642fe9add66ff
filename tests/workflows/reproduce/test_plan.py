"""Which runs a row takes: words by their scope, digests, and runs that rows and experiments share."""

import pytest

from dgf.model.config import plain_values
from dgf.pipeline.errors import UserError
from dgf.pipeline.files import canonical_digest
from dgf.workflows.reproduce.experiments import read_experiments
from dgf.workflows.reproduce.listing import show_lines
from dgf.workflows.reproduce.plan import RowRun, Wanted, plan_runs, sees_photos
from support.tiny_experiment import tiny

DATA = {"path": "/posts", "features": "/features"}


def plan(
    *words: str, name: str = "tiny", preset: str = "paper", seeds: tuple[int, ...] = (0,), **changes: object
) -> list[RowRun]:
    return plan_runs(tiny(name, **changes), Wanted(seeds, preset, words, DATA))


def one(runs: list[RowRun], row: str) -> RowRun:
    [run] = [run for run in runs if run.row == row]
    return run


def test_words_are_for_all_rows_for_a_model_or_for_a_row() -> None:
    runs = plan("model.prefix_hidden=9", "optim.epochs=7", name="a", rows=[
        {"name": "all", "title": "x"},
        {"name": "own", "title": "x", "keys": {"model.prefix_hidden": 8}},
    ])  # fmt: skip
    assert [one(runs, row).config.model.prefix_hidden for row in ("all", "own")] == [9, 8]  # type: ignore[attr-defined]
    assert {run.config.optim.epochs for run in runs} == {7}
    runs = plan("optim.epochs=7", "mtb:optim.epochs=8", "dgf-pt:model.prefix_hidden=5")
    assert [one(runs, row).config.optim.epochs for row in ("dgf-pt", "mtb")] == [7, 8]
    assert one(runs, "dgf-pt").config.model.prefix_hidden == 5  # type: ignore[attr-defined]
    rows = [{"name": "gpt", "title": "x", "keys": {"language_model": "openai-gpt"}}, {"name": "plain", "title": "x"}]
    runs = plan("dgf-pt:language_model=mine", rows=rows)
    assert [one(runs, row).config.language_model for row in ("gpt", "plain")] == ["openai-gpt", "mine"]
    assert [one(runs, row).named for row in ("gpt", "plain")] == [True, True]
    assert one(plan("gpt:language_model=b", rows=rows), "gpt").config.language_model == "b"
    assert not one(plan(rows=rows), "plain").named


def test_a_digest_is_of_everything_that_is_resolved_and_of_nothing_else() -> None:
    first, second = plan(seeds=(0, 1))[:2]
    assert first.digest != second.digest
    assert one(plan(), "dgf-pt").digest == one(plan("dgf-pt:model.prefix_hidden=8"), "dgf-pt").digest == first.digest
    assert one(plan("optim.epochs=3"), "dgf-pt").digest != first.digest
    elsewhere = plan_runs(tiny(), Wanted((0,), data={**DATA, "path": "/others"}))
    assert one(elsewhere, "dgf-pt").digest != first.digest


def test_a_key_that_came_later_is_in_a_digest_where_it_changes_something() -> None:
    prompted = {"model.name": "prompt"}
    rows = [
        {"name": "before", "title": "x", "keys": prompted},
        {"name": "off", "title": "x", "keys": {**prompted, "model.captions": False}},
        {"name": "on", "title": "x", "keys": {**prompted, "model.captions": True}},
    ]
    runs = plan(name="a", rows=rows)
    values = plain_values(one(runs, "before").config)
    del values["model"]["captions"]
    assert one(runs, "before").digest == one(runs, "off").digest == canonical_digest(values)[:16]
    assert one(runs, "on").digest != one(runs, "off").digest
    assert [sees_photos(one(runs, row).config) for row in ("off", "on")] == [False, True]
    reads = [line.split("reads")[1].strip() for line in show_lines(tiny(rows=rows)) if "reads" in line]
    assert reads == ["text", "text", "text, --captions"]


def test_a_model_without_the_preset_takes_paper_and_an_unknown_preset_is_refused() -> None:
    runs = plan(preset="finetune")
    assert one(runs, "dgf-pt").config.model.plm == "full"  # type: ignore[attr-defined]
    assert one(runs, "mtb").digest == one(plan(), "mtb").digest
    with pytest.raises(UserError, match="--preset nosuch"):
        plan(preset="nosuch")


def test_experiments_share_the_runs_that_are_alike() -> None:
    experiments = read_experiments(["table-1", "table-2", "table-4", "figure-3", "benchmark"])
    planned = {e.name: plan_runs(e, Wanted((0,), data=DATA)) for e in experiments}
    digests = {name: {run.digest for run in runs} for name, runs in planned.items()}
    whole = one(planned["table-1"], "dgf-pt").digest
    assert all(whole in of for of in digests.values())
    all_photos = {run.digest for run in planned["figure-3"] if run.varied.endswith("1.0")}
    assert all_photos < digests["table-1"] and len(all_photos) == 9
    assert len(digests["table-2"]) == 14 and len(digests["table-4"]) == 6


def test_a_model_that_sees_no_photo_has_one_run_for_all_shares() -> None:
    runs = plan(varies={"data.image_share": [0.0, 0.5, 1.0]})
    assert len({run.digest for run in runs if run.row == "mtb"}) == 1
    assert len({run.digest for run in runs if run.row == "dgf-pt"}) == 3
    assert [run.varied for run in runs if run.row == "mtb"] == [
        f"data.image_share={share}" for share in (0.0, 0.5, 1.0)
    ]


def test_scene_graphs_reach_the_runs_of_models_that_read_them_and_no_other() -> None:
    rows = [
        {"name": "mega", "title": "x", "keys": {"model.name": "mega"}},
        {"name": "blind", "title": "x", "keys": {"model.name": "mega", "model.alignment": "none"}},
        {"name": "mtb", "title": "x", "keys": {"model.name": "mtb"}},
    ]
    without, given = (
        {run.row: run for run in plan_runs(tiny(rows=rows), Wanted((0,), data=DATA | graphs))}
        for graphs in ({}, {"graphs": "/graphs.jsonl"})
    )
    assert {row: run.config.data.graphs for row, run in given.items()} == {
        "mega": "/graphs.jsonl", "blind": None, "mtb": None,
    }  # fmt: skip
    assert [row for row in given if given[row].digest != without[row].digest] == ["mega"]


def test_every_fault_is_told_at_once() -> None:
    wanted = Wanted((0,), words=("nosuch:optim.epochs=1", "optim.epoch=1"), data=DATA, rows=("mtbb",))
    with pytest.raises(UserError) as raised:
        plan_runs(tiny(), wanted)
    for said in ("no row 'mtbb'", "nosuch: is no row of tiny", "dgf-pt: optim.epoch: unknown key", "mtb: optim.epoch"):
        assert said in str(raised.value)


def test_rows_that_are_not_asked_for_are_planned_to_be_looked_up() -> None:
    runs = plan_runs(tiny(), Wanted((0,), data=DATA, rows=("mtb",)))
    assert {run.row: run.chosen for run in runs} == {"dgf-pt": False, "mtb": True}
