"""`dgf audit`: what gives the label away, and which figures are possible."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dgf.cli.options import echo_json, examples, exit_when_terminated, lasting_imports, options_of
from dgf.workflows.audit.settings import AuditOptions

_FOUND = 3


@click.command(
    epilog=examples(
        "dgf audit MNRE",
        "dgf audit MNRE --types labels",
        "dgf audit MNRE --crops MNRE/crops",
        "dgf audit MNRE --captions BLIP_train.txt --captions BLIP_val.txt --captions BLIP_test.txt",
        "dgf audit posts.jsonl --features features --types types.jsonl --json > audit.json",
        "dgf audit --claims 64.51 68.44 76.15",
        "dgf audit --claims 83.64 80.78 - --f1 81.85 --rows 1614 --positives 640",
        "dgf audit MNRE --claims 84.35 83.83 84.25 --split test",
        "dgf audit MNRE --crops MNRE/crops --with-model path/to/model --work probe optim.epochs=2",
    )
)
@options_of(AuditOptions)
@click.option(
    "--claims",
    nargs=3,
    metavar="P R ACC",
    help="Ask whether these percentages, as printed, can come from one confusion matrix; - for one not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.pass_context
def audit_command(
    ctx: click.Context,
    /,
    words: tuple[str, ...],
    claims: tuple[str, str, str] | None,
    f1: str | None,
    rows: int | None,
    positives: int | None,
    with_model: str | None,
    signal: str | None,
    work: Path | None,
    device: str,
    strict: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Find what gives the label away beside words and pixels: in DATA, in what lies beside it, or in printed figures.

    Each signal alone predicts the rows of --split by a rule learned from train, beside the majority and beside chance.
    Exit code 0 whatever is found, 3 with --strict where something is.
    """
    path = Path(words[0]) if words and "=" not in words[0] else None
    changes = words[1:] if path is not None else words
    if unknown := next((word for word in changes if "=" not in word), None):
        raise click.UsageError(f"{unknown}: DATA is one path; give --captions again before each further file", ctx)
    if changes and with_model is None:
        raise click.UsageError("KEY=VALUE words are for --with-model, which trains", ctx)
    if claims is not None:
        _say_claims(ctx, claims, f1, rows, positives, path, given, strict, as_json)
        return
    if f1 is not None or rows is not None or positives is not None:
        raise click.UsageError("--f1, --rows and --positives are for --claims", ctx)
    if path is None:
        raise click.UsageError("name the data set to audit, or give --claims", ctx)
    if with_model is None and (signal is not None or work is not None):
        raise click.UsageError("--signal and --work are for --with-model", ctx)
    if with_model is not None and work is None:
        raise click.UsageError("--with-model needs --work, a folder for its two runs", ctx)

    with lasting_imports():
        from dgf.workflows.audit.run import audit
        from dgf.workflows.audit.signals import AuditSettings, gather
        from dgf.workflows.audit.tables import audit_lines

    settings = AuditSettings(path, **given)
    gathered = gather(settings)
    found = audit(settings, gathered)
    report = found.to_json()
    if not as_json:
        click.echo("\n".join(audit_lines(found)))
    if with_model is not None and work is not None:
        with lasting_imports():
            from dgf.workflows.audit.probe import ProbeSettings, probe_lines, probe_signal

        asked = ProbeSettings(with_model, work, changes, signal, device, given["negative_label"])
        with exit_when_terminated(ctx):
            probed = probe_signal(gathered, found, asked)
        report["probe"] = probed.to_json()
        if not as_json:
            click.echo("\n" + "\n".join(probe_lines(probed)))
    if as_json:
        echo_json(report, indent=1)
    ctx.exit(_FOUND if strict and found.level != "no leak" else 0)


def _say_claims(
    ctx: click.Context,
    claims: tuple[str, str, str],
    f1: str | None,
    rows: int | None,
    positives: int | None,
    path: Path | None,
    given: Mapping[str, Any],
    strict: bool,
    as_json: bool,
) -> None:
    from dgf.workflows.audit.claims import MNRE_TEST, SplitCounts, check_claims, claim_lines

    figures = dict(zip(("precision", "recall", "accuracy"), claims, strict=True)) | ({"f1": f1} if f1 else {})
    figures = {name: text for name, text in figures.items() if text != "-"}
    if not figures:
        raise click.UsageError("--claims needs a figure", ctx)
    if (rows is None) != (positives is None):
        raise click.UsageError("--rows and --positives belong together", ctx)
    if rows is not None and positives is not None:
        counts = SplitCounts(rows, positives)
    elif path is not None:
        with lasting_imports():
            from dgf.workflows.audit.run import count_split
            from dgf.workflows.audit.signals import AuditSettings

        counts = count_split(AuditSettings(path, **given))
    else:
        counts = MNRE_TEST
        click.echo("no split was given: that of MNRE's test split is meant", err=True)
    found = check_claims(figures, counts)
    if as_json:
        echo_json(found.to_json(), indent=1)
    else:
        click.echo("\n".join(claim_lines(found)))
    ctx.exit(_FOUND if strict and not found.possible else 0)
