"""Pages from templates: everything in one file, nothing from elsewhere, and no word of a data set that is ever run."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from dgf.pipeline.errors import UserError
from dgf.workflows.scoring.record import FOREIGN
from dgf.workflows.scoring.report.pictures import BUDGET, Pictures, make_pictures
from dgf.workflows.scoring.report.post_data import post_data
from dgf.workflows.scoring.report.shown import ShownPost

_HERE = "dgf.workflows.scoring.report"
_OURS = b'<meta name="generator" content="dgf">'
"""What every page says at its beginning."""


@dataclass(frozen=True, slots=True)
class PostSection:
    """The part of a page that shows posts.

    Args:
        shown: The posts, in order; those of one group together.
        pictures: Of their photos.
    """

    shown: Sequence[ShownPost]
    pictures: Pictures

    @classmethod
    def of(cls, shown: Sequence[ShownPost], image_root: Path, budget: int = BUDGET) -> "PostSection":
        """Make the pictures of posts whose photos lie in `image_root`; posts come without where a photo is missing."""
        wanted = (row.image_id for row in shown if row.image_id is not None)
        return cls(shown, make_pictures(image_root, wanted, budget))

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script reads."""
        return post_data(self.shown, self.pictures)


def check_page_place(file: Path, hint: str) -> None:
    """See that writing a page to a file replaces nothing but an earlier page.

    Raises:
        UserError: The file is there, and `dgf` did not write it.
    """
    if file.exists() and not (file.is_file() and _is_ours(file)):
        raise UserError(f"{file}: {FOREIGN}", hint)


def _is_ours(file: Path) -> bool:
    """Whether dgf wrote it; an empty file has nothing to lose."""
    with file.open("rb") as content:
        start = content.read(1000)
    return not start or _OURS in start


def make_page(report: Mapping[str, Any], shown: Sequence[ShownPost], image_root: Path) -> bytes:
    """Make the page of an evaluation.

    Args:
        report: What `report.json` holds, `scores` too.
        shown: The rows that were evaluated, from `show_posts`.
        image_root: Folder of their photos.
    """
    return render_page("report.html", report=report, section=PostSection.of(shown, image_root))


def render_page(template: str, package: str = _HERE, **values: Any) -> bytes:
    """Fill in a template of a package, which may build on those that lie here; all text is escaped.

    Args:
        template: Extends `base.html`, which brings styles, the script and the policy that allows nothing else.
        package: Whose `templates` folder holds it.
        values: What it names.
    """
    loader = ChoiceLoader([PackageLoader(name, "templates") for name in dict.fromkeys((package, _HERE))])
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    environment.filters |= {"source_hash": _source_hash, "percent": _percent}
    return environment.get_template(template).render(**values).encode()


def _source_hash(text: str) -> str:
    """Compute the hash by which a content security policy allows a script or a style sheet."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"
