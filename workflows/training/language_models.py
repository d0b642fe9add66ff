"""Language models from the user's disk: where one cannot be loaded, its files are looked at."""

from pathlib import Path

from dgf.model.errors import ModelError
from dgf.model.language_models import LanguageModel, load_language_model
from dgf.pipeline.file_kinds import check_folder, check_kind


def open_language_model(spec: str, seed: int = 0, *, fetch: bool = True) -> LanguageModel:
    """Load what `spec` names; see `load_language_model`.

    Raises:
        UserError: It cannot be loaded, since a file of it is something else than its name says, or is cut short.
        ModelError: It cannot be loaded for another reason.
    """
    try:
        return load_language_model(spec, seed, fetch=fetch)
    except ModelError:
        path = Path(spec).expanduser()
        if path.is_dir():
            check_folder(path)
        elif path.is_file():
            check_kind(path)
        raise
