"""The trained parts are small enough to lie in the repository."""

from dgf.workflows.demo.parts.captioner import CAPTIONER
from dgf.workflows.demo.parts.language_model import LANGUAGE_MODEL
from dgf.workflows.demo.parts.masked_language_model import MASKED_LANGUAGE_MODEL


def test_all_weights_together_take_at_most_12_megabytes() -> None:
    files = [path for path in LANGUAGE_MODEL.parent.rglob("*") if path.is_file()]
    assert {LANGUAGE_MODEL, MASKED_LANGUAGE_MODEL, CAPTIONER} <= {
        path.parent for path in files if path.suffix == ".safetensors"
    }
    assert sum(path.stat().st_size for path in files) <= 12_000_000
