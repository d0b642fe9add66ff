"""`dgf train`: from shards and text to a run folder."""

from pathlib import Path
from typing import Any

import click

from dgf.cli.options import check_workers, examples, exit_when_terminated, given_data, lasting_imports, options_of
from dgf.pipeline.storage.address import parse_location, whole_location
from dgf.workflows.settings import TrainOptions

_GIB = 1 << 30


@click.command(
    epilog=examples(
        "dgf train MNRE --features features --captions captions --out runs/paper",
        "dgf train MNRE --missing-images text-only --preset finetune --out runs/text \\",
        "    language_model=path/to/model seed=1",
        "dgf train MNRE --captions BLIP_train.txt --captions BLIP_val.txt --captions BLIP_test.txt --out runs/blip",
        "dgf train MNRE --missing-images text-only data.shots=10 --out runs/10-shot",
        "dgf train MNRE --missing-images text-only --seeds 0,1,2 --workers 3 --out runs/text",
        "dgf train --resume --out runs/paper",
    )
)
@options_of(TrainOptions)
@click.pass_context
def train_command(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    out: Path,
    preset: str,
    config_file: Path | None,
    seeds: str | None,
    workers: int,
    scheduler: str | None,
    device: str,
    processes: int,
    resume: bool,
    tensorboard: bool,
    show_config: bool,
    **data: Any,
) -> None:
    """Train a network on DATA and its shards into a run folder.

    KEY=VALUE words change the configuration, such as model.plm=full or optim.epochs=5; --show-config prints all keys.
    The best epoch by validation micro F1 is kept. SIGTERM saves and ends with exit code 143; --resume goes on. Runs
    of --seeds that --workers are at lose what they did since their last checkpoint (optim.checkpoint_every).
    """
    from dgf.workflows.config import dump_config, names_language_model, resolve_config
    from dgf.workflows.training.run_folder import RunFolder

    check_workers(ctx, scheduler, workers)
    if seeds is None and (workers or scheduler):
        raise click.UsageError("--workers and --scheduler are for --seeds: one run is one process", ctx)
    if seeds is not None and (processes > 1 or tensorboard):
        raise click.UsageError("--processes and --tensorboard are for one run: leave them out, or --seeds", ctx)
    path = words[0] if words and "=" not in words[0] else None
    if path == "-":
        raise click.UsageError("a run needs its data set again later: name a file, not standard input", ctx)
    if more := next((word for word in words[1:] if "=" not in word and Path(word).exists()), None):
        raise click.UsageError(f"{more}: DATA is one path; give --captions again before each further file", ctx)
    given = given_data(data)
    if path is not None:
        config = resolve_config(preset, config_file, words[1:], {"path": whole_location(parse_location(path)), **given})
    elif seeds is not None:
        raise click.UsageError("--seeds needs DATA, also to continue: give the command as it was, and --resume", ctx)
    elif resume and not words:
        if config_file is not None or given:
            raise click.UsageError("without DATA, --resume continues the run as it was: leave out other options", ctx)
        config = RunFolder(out).load_config()
    else:
        raise click.UsageError("DATA is missing: name the data set before any KEY=VALUE", ctx)
    if show_config:
        click.echo(dump_config(config), nl=False)
        return
    with lasting_imports():  # after faults of the configuration, which are told before torch is imported
        from dgf.workflows.data import text_only_words
        from dgf.workflows.train import TrainSettings, train
        from dgf.workflows.training.processes import rank_here
    named = resume or names_language_model(config_file, words)
    if seeds is not None and path is not None:
        # imported here: workers need not be known to train one run
        with lasting_imports():
            from dgf.workflows.devices import choose_pool
            from dgf.workflows.sweep import Recipe, SeedsSettings, parse_seeds, seeds_lines, train_seeds

        recipe = Recipe(preset, config_file, words[1:], {"path": whole_location(parse_location(path)), **given})
        pool = choose_pool(device, workers, scheduler)
        asked = SeedsSettings(recipe, parse_seeds(seeds, words), out, pool, resume, fetch=named)
        with exit_when_terminated(ctx):
            trained = train_seeds(asked)
        click.echo("\n".join(seeds_lines(trained.content)))
        if trained.skipped:
            click.echo(f"\nskipped  {trained.skipped} rows in all: the data.json of each run lists them")
        click.echo(f"\ntable: {out / 'seeds.json'}\nnext: dgf eval {' '.join(map(str, trained.runs))}")
        ctx.exit(3 if trained.skipped or trained.content["failed"] else 0)
    settings = TrainSettings(config, out, device, resume, named, processes, tensorboard)
    with exit_when_terminated(ctx):
        summary = train(settings)
    if rank_here():
        return  # the first process reports
    cost = summary.cost
    for row in summary.skipped:
        click.echo(f"skipped  {row}")
    lacking = text_only_words(captions=bool(config.data.captions))
    took = (
        f"{summary.epochs} epochs at {cost['rows_per_second']:.0f} rows/s "
        f"({100 * cost['share_waited']:.0f}% waiting for data, {cost['peak_memory_bytes'] / _GIB:.1f} GiB at most); "
        f"best validation micro F1 {100 * summary.best_f1:.2f} in epoch {summary.best_epoch}, "
    )
    if not cost["trained_parameters"]:
        took = f"nothing was trained; validation micro F1 {100 * summary.best_f1:.2f}, "
    click.echo(
        f"{summary.out}: {summary.rows} rows ({summary.text_only} {lacking}, {len(summary.skipped)} skipped), "
        + took
        + (f"without {summary.negative!r}" if summary.negative else "over every relation")
    )
    if config.protocol:
        click.echo(f"protocol: {config.protocol}")
    click.echo(f"next: dgf eval {summary.out}")
    ctx.exit(3 if summary.skipped else 0)
