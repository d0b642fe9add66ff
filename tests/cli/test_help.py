"""Every command explains itself, with an example."""

import pytest
from click.testing import CliRunner

from dgf.cli.main import COMMANDS, cli


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"dgf {name} " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_the_command_itself_have_help(name: str) -> None:
    context = cli.make_context("dgf", [name], resilient_parsing=True)
    command = cli.get_command(context, name)
    assert command is not None
    assert command.get_short_help_str()
    undescribed = [p.name for p in command.params if p.param_type_name == "option" and not getattr(p, "help", None)]
    assert not undescribed


def test_short_help_flag() -> None:
    assert CliRunner().invoke(cli, ["env", "-h"]).exit_code == 0
