"""Language models from the user's disk, or of the training sentences' words; what cannot be loaded is looked at."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from dgf.model.errors import ModelError
from dgf.model.language_models import WORDS, LanguageModel, load_language_model
from dgf.pipeline.errors import UserError
from dgf.pipeline.file_kinds import check_folder, check_kind
from dgf.workflows.data import words_of_file, words_of_sentences


def open_language_model(
    spec: str, seed: int = 0, *, fetch: bool = True, sentences: Iterable[Sequence[str]] | None = None
) -> LanguageModel:
    """Load what `spec` names.

    Args:
        spec: See `load_language_model`; or `words:FILE` for the word vectors of a file, `words` for random ones.
        seed: Seed of random weights.
        fetch: Whether a model of the hub that is not in the local cache may be fetched.
        sentences: Those to train on, as words: each of their words gets a vector where `words` are asked for.

    Raises:
        UserError: It cannot be loaded, since a file of it is something else than its name says, or is cut short.
        ModelError: It cannot be loaded for another reason.
    """
    if spec == WORDS:
        if sentences is None:
            fault = f"{WORDS}: these are the words of the sentences that a run trains on, and here are none"
            raise UserError(fault, "Give a language model, or word vectors as words:FILE.")
        return words_of_sentences(spec, sentences, seed)
    if spec.startswith(f"{WORDS}:"):
        return words_of_file(spec, Path(spec.removeprefix(f"{WORDS}:")).expanduser(), seed)
    try:
        return load_language_model(spec, seed, fetch=fetch)
    except ModelError:
        path = Path(spec).expanduser()
        if path.is_dir():
            check_folder(path)
        elif path.is_file():
            check_kind(path)
        raise
