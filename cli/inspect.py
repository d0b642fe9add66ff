"""`dgf inspect`: what a folder of shards holds, and whether it is whole."""

from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example: dgf inspect features/ --verify --sheet sheet.png --data mnre/ --captions captions/")
@click.argument("folder", type=click.Path(path_type=Path), metavar="FEATURES|CAPTIONS")
@click.option("--verify", is_flag=True, help="Read every shard again and compare it with its marker.")
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Draw photos and boxes into this PNG.")
@click.option("--data", type=click.Path(path_type=Path), help="Data set whose photos the sheet shows.")
@click.option("--captions", type=click.Path(path_type=Path), help="Folder of captions to write below the photos.")
@click.option("--photos", default=12, show_default=True, type=click.IntRange(1, 400), help="Photos on the sheet.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Sum up, verify and draw a folder of features or captions."""
    from dgf.workflows.inspect import InspectSettings, inspect

    found = inspect(InspectSettings(**options))
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
    if options["sheet"]:
        click.echo(f"sheet        {options['sheet']}")
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
        click.echo(f"mend with    {found.mend}")
        ctx.exit(1)


def _flat(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={entry}" for name, entry in value.items())
    return str(value)
