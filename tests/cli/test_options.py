import gc
import importlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import click
import pytest
from annotated_types import Ge, Interval
from click.testing import CliRunner, Result
from typing_extensions import Doc

from dgf.cli.options import lasting_imports, options_of
from dgf.workflows import settings
from dgf.workflows.settings import Placeholder, Positional, Spelled


@dataclass(frozen=True)
class Baking:
    dough: Annotated[Path, Positional("DOUGH")]
    out: Annotated[Path, Doc("Where to.")]
    toppings: Annotated[tuple[str, ...], Positional("[TOPPING]...", many=True)] = ()
    heat_level: Annotated[int, Interval(ge=1, le=9), Doc("How hot.")] = 5
    minutes: Annotated[int | None, Ge(1), Doc("How long.  [default: until done]")] = None
    side: Annotated[Literal["upper", "lower"] | None, Spelled("--rack"), Doc("Which rack.")] = None
    oven: Annotated[str, Placeholder("NAME"), Doc("Which oven.")] = "stone"
    fan: Annotated[bool, Doc("With the fan.")] = False
    sauces: Annotated[tuple[Path, ...], Spelled("--sauce"), Doc("Sauces.")] = ()
    salt: Annotated[float, Interval(ge=0, le=1), Doc("How salty.")] = 0.5


def bake(*words: str) -> tuple[Result, list[Baking]]:
    baked: list[Baking] = []

    @click.command()
    @options_of(Baking)
    def command(**given: Any) -> None:
        baked.append(Baking(**given))

    return CliRunner().invoke(command, words), baked


def test_defaults_are_the_fields() -> None:
    _, baked = bake("rye", "--out", "here")
    assert baked == [Baking(Path("rye"), Path("here"))]


def test_every_field_can_be_given() -> None:
    words = "rye olives --sauce a salt --out here --heat-level 9 --minutes 3 --rack upper --oven gas --fan --sauce b"
    _, baked = bake(*words.split())
    sauces = (Path("a"), Path("b"))
    assert baked == [Baking(Path("rye"), Path("here"), ("olives", "salt"), 9, 3, "upper", "gas", True, sauces)]
    assert bake("rye", "--out", "here", "--salt", "0.25")[1][0].salt == 0.25


@pytest.mark.parametrize(
    "words",
    [
        "rye",
        "--out here",
        "rye --out here --heat-level 10",
        "rye --out here --minutes 0",
        "rye --out a --rack x",
        "rye --out a --salt 1.5",
    ],
)
def test_what_does_not_fit_is_wrong_usage(words: str) -> None:
    result, baked = bake(*words.split())
    assert result.exit_code == 2 and not baked


def test_help_shows_what_the_fields_say() -> None:
    shown = bake("--help")[0].output
    assert "DOUGH [TOPPING]..." in shown and "--oven NAME" in shown and "[upper|lower]" in shown
    assert "How hot.  [default: 5; 1<=x<=9]" in shown and "--out PATH" in shown and "[required]" in shown


@pytest.mark.parametrize("name", [name for name, value in vars(settings).items() if is_dataclass(value)])
def test_every_option_of_every_command_has_a_help(name: str) -> None:
    asked = getattr(settings, name)
    hints = get_type_hints(asked, include_extras=True)
    for field in fields(asked) if name.endswith(("Settings", "Options")) else ():
        notes = getattr(hints[field.name], "__metadata__", ())
        assert any(isinstance(note, Doc | Positional) for note in notes), field.name


def test_an_option_of_several_values_is_given_once_for_each() -> None:
    @dataclass(frozen=True)
    class Packing:
        box: Annotated[tuple[Path, ...], Doc("Which boxes.")] = ()

    packed: list[Packing] = []

    @click.command()
    @options_of(Packing)
    def command(**given: Any) -> None:
        packed.append(Packing(**given))

    for words in ((), ("--box", "a", "--box", "b")):
        assert CliRunner().invoke(command, words).exit_code == 0
    assert packed == [Packing(), Packing((Path("a"), Path("b")))]


@pytest.fixture
def thawed() -> Iterator[None]:
    """Gives back to the collector what a test kept from it."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_the_collector_leaves_alone_what_is_imported_to_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lasting.py").write_text("HELD = [[]]\n")
    monkeypatch.syspath_prepend(tmp_path)
    gc.unfreeze()
    with lasting_imports():
        assert not gc.isenabled()
        held = importlib.import_module("lasting").HELD
    assert gc.isenabled() and gc.get_freeze_count()
    assert not any(item is held for item in gc.get_objects())


@pytest.mark.usefixtures("thawed")
def test_the_collector_keeps_everything_else() -> None:
    gc.unfreeze()
    with lasting_imports():
        importlib.import_module("json")  # is here already
    assert gc.isenabled() and not gc.get_freeze_count()


@pytest.mark.usefixtures("thawed")
def test_the_collector_is_back_after_a_failed_import() -> None:
    with pytest.raises(ModuleNotFoundError), lasting_imports():
        importlib.import_module("dgf.no_such_part")
    assert gc.isenabled()


@pytest.mark.usefixtures("thawed")
def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    try:
        with lasting_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
