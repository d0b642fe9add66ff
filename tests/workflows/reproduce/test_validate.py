"""Every row of every experiment builds, takes a step and is evaluated; one that does not is told."""

import pytest

from dgf.workflows.reproduce.experiments import read_experiments
from dgf.workflows.reproduce.validate import validate_rows
from support.tiny_experiment import ROWS, tiny


def test_a_row_that_does_not_run_is_told_and_others_go_on() -> None:
    broken = {"name": "broken", "title": "x", "keys": {"optim.adversarial": 0.5}}
    rows = [broken, {**ROWS[1], "paper": {}}, {**ROWS[2], "paper": {}}]
    tried = list(validate_rows([tiny(rows=rows, varies={"data.shots": [1, 5]})]))
    assert [entry.row for entry in tried] == [f"tiny {name} data.shots=1" for name in ("broken", "dgf-pt", "mtb")]
    assert [entry.fault is None for entry in tried] == [False, True, True]
    assert "optim.adversarial: moves word embeddings" in str(tried[0].fault)


@pytest.mark.slow
def test_every_row_of_every_experiment_runs() -> None:
    tried = list(validate_rows(read_experiments()))
    assert [entry for entry in tried if entry.fault is not None] == []
    assert len(tried) == 11 + 14 + 6 + 9 + 9 + 4 + 11 + 2 * 10  # the benchmark's rules are no models
