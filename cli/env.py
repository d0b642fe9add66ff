"""`dgf env`: the table a bug report needs."""

import json

import click


@click.command(epilog="Example: dgf env --json > environment.json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def env_command(as_json: bool) -> None:
    """Versions, devices and threads of this installation."""
    from dgf.workflows.environment import describe_environment

    facts = describe_environment()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {value}")
