"""From which effect and p-value on something is called a leak."""

import pytest

from dgf.workflows.audit.findings import Finding, Level, Told, worst


@pytest.mark.parametrize(
    ("effect", "p_value", "level", "as_content"),
    [
        (1.0, 0.001, "leak", "suspicious"),
        (0.74, 0.001, "leak", "no leak"),
        (0.5, 0.0099, "leak", "no leak"),
        (0.49, 0.001, "suspicious", "no leak"),
        (0.25, 0.001, "suspicious", "no leak"),
        (0.24, 0.001, "no leak", "no leak"),
        (1.0, 0.01, "no leak", "no leak"),
        (-0.5, 0.001, "no leak", "no leak"),
    ],
)
def test_levels(effect: float, p_value: float, level: Level, as_content: Level) -> None:
    told, nothing = Told(0.9, 0.6, effect, p_value), Told(0.6, 0.6, 0.0, 1.0)
    assert told.level == level
    for content, named in ((False, level), (True, as_content)):
        assert Finding("s", "train", 2, 0.9, 0.8, None, told, content).level == named
        assert Finding("s", "train", 2, 0.9, 0.8, nothing, told, content).level == named
        assert Finding("s", "train", 2, 0.9, 0.8, told, nothing, content).level == level  # there is one: always


def test_the_worst_of_none_is_no_leak() -> None:
    assert worst([]) == "no leak" and worst(["suspicious", "leak", "no leak"]) == "leak"
