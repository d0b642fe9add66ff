"""`dgf inspect`: what a folder of shards holds, and whether it is whole."""

from typing import Any

import click

from dgf.cli.options import options_of
from dgf.workflows.settings import InspectSettings


@click.command(epilog="Example: dgf inspect features/ --verify --sheet sheet.png --data mnre/ --captions captions/")
@options_of(InspectSettings)
@click.pass_context
def inspect_command(ctx: click.Context, /, **given: Any) -> None:
    """Sum up, verify and draw a folder of features or captions."""
    from dgf.workflows.inspect_shards import inspect_folder

    found = inspect_folder(InspectSettings(**given))
    work = sum(found.seconds.get(stage, 0.0) for stage in ("wait", "compute", "write"))
    rate = f", {found.rows / work:.2f} photos/s a worker" if work else ""
    lines = {
        "folder": f"{found.folder} ({found.kind})",
        "photos": f"{found.rows} with {found.kind}, {len(found.failures)} failed",
        "shards": f"{found.shards} finished, {len(found.unfinished)} not yet, {found.bytes / 1e6:.1f} MB",
        "sizes": ", ".join(f"{name} {size}" for name, size in found.layout.items()),
        "fingerprint": found.fingerprint,
        "seconds": ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in found.seconds.items()) + rate,
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        **{name: _flat(value) for name, value in found.settings.items() if name not in ("kind", "photos")},
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<12} {text}")
    for failure in found.failures:
        click.echo(f"failed       {failure.image_id}: {failure.reason}")
    if given["sheet"]:
        click.echo(f"sheet        {given['sheet']}")
    for shard, fault in found.faults:
        click.echo(f"broken       {shard} {fault}")
    if found.verified:
        count = len(found.faults)
        click.echo(
            f"verified     {found.shards - count} of {found.shards} shards are whole"
            if count
            else f"verified     {found.shards} shards are whole"
        )
    if found.faults:
        click.echo(f"fix with     {found.hint}")
        ctx.exit(1)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={entry}" for name, entry in value.items())
    return str(value)
