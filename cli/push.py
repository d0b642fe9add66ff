"""`dgf push`: a trained run to the Hugging Face hub."""

from typing import Any

import click

from dgf.cli.options import examples, lasting_imports, options_of
from dgf.workflows.sharing.settings import PushSettings


@click.command(
    epilog=examples(
        "dgf push runs/paper owner/dgf-mnre --dry-run",
        "dgf push runs/paper owner/dgf-mnre --private",
    )
)
@options_of(PushSettings)
def push_command(**given: Any) -> None:
    """Share a finished RUN as REPO, a name such as owner/dgf-mnre of the Hugging Face hub; `dgf.load` reads it there.

    What is pushed is the network, its tokenizer, its settings and the model card: no checkpoints, no metrics, nothing
    of the data, and no path of this machine. `demo` in place of RUN is the model that the last `dgf demo` left. The
    token is that of `hf auth login` or of HF_TOKEN.
    """
    with lasting_imports():
        from dgf.workflows.sharing.push import list_files, push_run

    settings = PushSettings(**given)
    if settings.dry_run:
        sizes = list_files(settings.run, settings.repository)
        for name, size in sizes.items():
            click.echo(f"{size:>12,}  {name}")
        click.echo(f"{sum(sizes.values()):>12,}  bytes in {len(sizes)} files; nothing was pushed")
        return
    click.echo(push_run(settings.run, settings.repository, private=settings.private))
