"""Markdown of a template in which text of a run is text: it can be no markup, break no table and no front matter."""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_MARKS = re.compile(r"([\\`*_\[\]<>|~&!#$])")
_NOT_PLAIN = re.compile(r"[^0-9A-Za-z /-]")


def render_markdown(template: str, **values: Any) -> str:
    """Fill in a template of this package; every value is escaped, unless a filter made it code."""
    environment = Environment(
        loader=PackageLoader("dgf.workflows.sharing"),
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) else escape_markdown(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(code=as_code)
    return environment.get_template(template).render(**values)


def escape_markdown(text: str) -> str:
    """Put text on one line in which no character is a mark and no address a link."""
    return _MARKS.sub(r"\\\1", _on_one_line(text)).replace("://", ":\\//").replace("www.", "www\\.")


def as_code(text: str) -> Markup:
    """Put text on one line, as code, in which nothing is a mark; also in the cell of a table."""
    line = _on_one_line(text)
    if "|" in line:  # which would end a cell even between backticks
        return Markup(f"<code>{_NOT_PLAIN.sub(lambda found: f'&#{ord(found[0])};', line)}</code>")
    runs = re.findall(r"`+", line)
    fence = "`" * (1 + max(map(len, runs), default=0))
    pad = " " if runs or not line else ""  # a backtick at an end would be part of the fence
    return Markup(f"{fence}{pad}{line}{pad}{fence}")


def _on_one_line(text: str) -> str:
    """Text with every break and control character, those that turn the direction of writing too, made a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
