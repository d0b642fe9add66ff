"""The pages of the documentation, and the command lines of dgf that stand in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import click

from dgf.cli.main import cli
from support.shipped import REPOSITORY

PAGES = (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md")))

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.M | re.S)
_INDENTED = re.compile(r"^ {4}.*$", flags=re.M)
_IN_TEXT = re.compile(r"`([^`]+)`")
_CALL = re.compile(r"(?:\w+=\S+ )*(?:dgf|.* -m dgf\.cli|python docs/slurm\.py .*--|docker run .* dgf:\w+) (\w.*)")
_SHELL = (">", "<", "|", "&&", "&")
_CONTINUED = re.compile(r" *\\\n\s*")


@dataclass(frozen=True)
class CommandLine:
    """What a page tells its reader to type.

    Args:
        words: All after `dgf`.
        whole: It stands in a block by itself; in running text, or where it has an ellipsis, words may be left out.
    """

    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"dgf {shlex.join(self.words)}"


def command_lines(page: str) -> list[CommandLine]:
    """All of a page in Markdown: in its blocks, then in its text."""
    fenced = _FENCED.findall(page)
    rest = _FENCED.sub("", page)
    blocks = [block for language, block in fenced if language in ("", "sh")]
    blocks.append("\n".join(_INDENTED.findall(_CONTINUED.sub(" ", rest))))
    in_text = [" ".join(span.split()) for span in _IN_TEXT.findall(_INDENTED.sub("", rest))]
    lines = [*(line for block in blocks for line in lines_of_block(block)), *lines_in(in_text, whole=False)]
    return [line for line in lines if line.words[0] != "COMMAND"]  # what stands for any of them


def lines_of_block(block: str) -> Iterator[CommandLine]:
    """Those of a block of shell, one a line unless it is continued."""
    yield from lines_in(_CONTINUED.sub(" ", block).splitlines(), whole=True)


def lines_in(texts: list[str], *, whole: bool) -> Iterator[CommandLine]:
    """Those texts that call dgf, by itself or through a launcher, with variables before it or a comment behind."""
    for text in texts:
        if called := _CALL.fullmatch(text.strip()):
            words = [*takewhile(lambda word: word not in _SHELL, shlex.split(called[1], comments=True))]
            yield CommandLine(tuple(word for word in words if word != "..."), whole and "..." not in words)


def usage_fault(line: CommandLine) -> str | None:
    """What dgf says against a command line, N being any number; nothing is run."""
    entry: click.Command = cli
    context = click.Context(cli, info_name="dgf", **cli.context_settings)
    words = ["1" if word == "N" else word for word in line.words]
    try:
        while isinstance(entry, click.Group) and words:
            name, found, words = entry.resolve_command(context, words)
            assert found is not None
            entry, context = found, found.make_context(name, list(words), parent=context)
    except click.exceptions.Exit:
        return None  # --help and --version are enough by themselves
    except (click.MissingParameter, click.BadOptionUsage, click.exceptions.NoArgsIsHelpError) as error:
        return error.format_message() if line.whole else None  # a word was left out
    except click.UsageError as error:
        return error.format_message()
    return None
