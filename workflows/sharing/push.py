"""`dgf push`: a finished run to a repository of the Hugging Face hub, from which `dgf.load` reads it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_token
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its own library's for HTTP
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from dgf.pipeline.errors import UserError, foreign_reason
from dgf.workflows.demo.kept import find_run
from dgf.workflows.sharing.bundle import Bundle, gather_bundle, sizes_of
from dgf.workflows.sharing.card import CARD
from dgf.workflows.training.run_folder import RunFolder

_NO_TOKEN = "`hf auth login` keeps one on this machine; HF_TOKEN=... gives one for a command."


def list_files(run: Path, repository: str) -> Mapping[str, int]:
    """Say which files `push_run` would push, and the bytes of each; nothing leaves this machine.

    Raises:
        UserError: The run cannot be shared, or the name is none of a repository.
    """
    return sizes_of(_gather(run, repository))


def push_run(run: Path, repository: str, *, private: bool = False) -> str:
    """Push a finished run in one commit, and give back the address of its page.

    The repository is made if it is not there; files of an earlier push that this run does not have are removed.

    Args:
        run: Its folder, or `demo`.
        repository: owner/name.
        private: Whether nobody else is to see it.

    Raises:
        UserError: The run cannot be shared, or the hub does not take it; says which.
    """
    bundle = _gather(run, repository)
    if constants.is_offline_mode():
        raise UserError(f"{repository}: HF_HUB_OFFLINE is set", "Unset it, or see what would be pushed with --dry-run.")
    if get_token() is None:
        raise UserError(f"{repository}: there is no token of the Hugging Face hub here", _NO_TOKEN)
    api = HfApi(library_name="dgf")
    with _telling(repository):
        api.create_repo(repository, private=private or None, exist_ok=True)
        about = api.model_info(repository)
        if private and not about.private:
            raise UserError(
                f"{repository}: is there already, and everybody sees it", "Name another, or make it private."
            )
        there = {file.rfilename for file in about.siblings or ()}
        stale = sorted(name for name in there - bundle.keys() if name.startswith("tokenizer/"))
        # the hub's client takes a path as text
        added = [
            CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
            for name, content in bundle.items()
        ]
        removed = [CommitOperationDelete(name) for name in stale]
        api.create_commit(repository, [*added, *removed], commit_message="Push a run of dgf")
    return f"{api.endpoint}/{repository}"


def _gather(run: Path, repository: str) -> Bundle:
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(
            f"{repository}: no name of a repository ({foreign_reason(error)})", "Give owner/name."
        ) from error
    if "/" not in repository:
        raise UserError(f"{repository}: names no owner", "Give owner/name: your account or organization, and a name.")
    return gather_bundle(RunFolder(find_run(run)), repository)


@contextmanager
def _telling(repository: str) -> Iterator[None]:
    """Say in words what the hub, or the way to it, did not allow."""
    try:
        yield
    except HfHubHTTPError as error:
        code = error.response.status_code
        owner = repository.partition("/")[0]
        if code == 401:
            raise UserError(f"{repository}: the hub does not know the token that was given", _NO_TOKEN) from error
        if code in (403, 404):
            raise UserError(
                f"{repository}: this token may not write there (the hub answered {code})",
                f"Give a token that may write for {owner}, or another owner: `hf auth whoami` says whose it is.",
            ) from error
        raise UserError(f"{repository}: the hub refused it with {code} ({foreign_reason(error)})") from error
    except ValueError as error:  # the first lines of a card that somebody wrote
        raise UserError(f"{repository}: the hub refused {CARD} ({foreign_reason(error)})", "Repair it.") from error
    except (HTTPError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(
            f"{repository}: the hub cannot be reached ({foreign_reason(error)})",
            "Nothing was pushed: the same command tries again. See what would be pushed with --dry-run.",
        ) from error
