"""YAML as people mean it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgf.pipeline.yaml_values import load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("-3", -3),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("a, b", "a, b"),
        ("[text, image]", ["text", "image"]),
        ("'010'", "010"),
    ],
)
def test_a_word_is_what_it_looks_like(text: str, value: object) -> None:
    assert load_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2", "appears twice"),
        ("a: &x [1]\nb: *x", "aliases"),
        ("[" * 5000, "deep"),
        ("a: [", "expected"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("9" * 5000, "ValueError"),
    ],
)
def test_what_is_not_read_is_told_in_a_line(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        load_yaml(text)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    try:
        load_yaml(text)
    except ValueError as error:
        assert type(error) is ValueError
