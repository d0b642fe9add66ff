"""`dgf` run in this process, as a user would run it."""

from dataclasses import dataclass

from click.testing import CliRunner

from dgf.cli.main import cli


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, and what it said on both streams."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        return self.out + self.err


def dgf(*words: object, stdin: bytes | None = None) -> Outcome:
    """Run a command; it must never end in a traceback or in a fault of dgf."""
    result = CliRunner().invoke(cli, [str(word) for word in words], input=stdin)
    assert "Traceback" not in result.output and "fault of dgf" not in result.output, result.output
    return Outcome(result.exit_code, result.stdout, result.stderr)
