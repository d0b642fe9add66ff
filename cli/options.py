"""Options that several commands have."""

import click

device = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")

on_error = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="Bad rows: stop, or leave them out and list them.",
)

missing_images = click.option(
    "--missing-images",
    type=click.Choice(["error", "skip", "text-only"]),
    default="error",
    show_default=True,
    help="Posts whose photo is not there: stop, leave them out, or run them on text. None gets another picture.",
)

workers = click.option(
    "--workers",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Local worker processes, one a GPU where there are GPUs; 0 works in this process.",
)

scheduler = click.option(
    "--scheduler", metavar="ADDR", help="Dask scheduler to use instead, such as tcp://10.0.0.1:8786."
)

threads = click.option(
    "--threads",
    type=click.IntRange(1),
    help="CPU threads of the networks in each worker; part of the settings, since it changes the last bits. "
    "Fastest on a CPU: --threads 1 and as many workers as cores.  [default: as the folder was begun, or up to 4]",
)

overwrite = click.option(
    "--overwrite", is_flag=True, help="Make the folder anew: delete what an earlier run left there."
)

rows_at_once = click.option("--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Rows at once.")


def check_workers(ctx: click.Context, scheduler: str | None, workers: int) -> None:
    """Refuses local workers beside a scheduler, which has its own."""
    if scheduler and workers:
        raise click.UsageError("--scheduler has workers of its own: leave out --workers", ctx)
