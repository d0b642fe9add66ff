"""Posts of a request: one or a list, as JSON or as a form with photos; each one that cannot be used is told why."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError, show_value
from dgf.pipeline.lines import MAX_LINE_BYTES, parse_json
from dgf.pipeline.photos import ImageError, resolve_photo
from dgf.workflows.predict.answer import Unanswered
from dgf.workflows.predict.given import KEYS
from dgf.workflows.serve.refusals import RefusedError, encode_json

_KEYS = tuple(key for key in KEYS if key != "mentions")
"""A post here is one pair."""

LONGEST_MENTION = 1000
"""Characters of a mention that is given by its words."""


@dataclass(frozen=True, slots=True)
class PostRules:
    """What posts may have.

    Args:
        most: Posts of a request.
        photos: Folder whose photos they may name; None for none.
        no_photos: Why no photo is taken; None where they are.
    """

    most: int
    photos: Path | None = None
    no_photos: str | None = None


@dataclass(frozen=True, slots=True)
class PostRequest:
    """Posts that came in one request, each as `LoadedRun.predict_many` takes it, or why it cannot be used.

    Args:
        posts: In their order.
        single: Whether one was sent, rather than a list.
    """

    posts: Sequence[Mapping[str, Any] | Unanswered]
    single: bool


def read_posts(body: bytes, uploads: Mapping[str, bytes], rules: PostRules) -> PostRequest:
    """Read a post or a list of them.

    Args:
        body: JSON.
        uploads: Photos that came with it, by name.
        rules: What they may have.

    Raises:
        RefusedError: It is no JSON, no post and no list of posts, or a list of none or of too many.
    """
    try:
        found = parse_json(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RefusedError(400, f"not UTF-8 (byte {error.start})") from None
    except RowError as error:
        raise RefusedError(400, str(error)) from None
    if not isinstance(found, list | dict):
        raise RefusedError(422, f"must be a post or a list of posts, not {show_value(found)}")
    rows = found if isinstance(found, list) else [found]
    if not rows:
        raise RefusedError(422, "a list of no posts")
    if len(rows) > rules.most:
        raise RefusedError(422, f"{len(rows)} posts, and a request may have {rules.most}")
    posts = [_read_post(row, f"posts:{number}", uploads, rules) for number, row in enumerate(rows, 1)]
    return PostRequest(posts, single=isinstance(found, dict))


def _read_post(
    row: object, default_id: str, uploads: Mapping[str, bytes], rules: PostRules
) -> Mapping[str, Any] | Unanswered:
    if not isinstance(row, dict):
        return Unanswered(default_id, f"a post must be an object, not {show_value(row)}")
    post = {key: row[key] for key in _KEYS if row.get(key) is not None}
    given, image = post.pop("id", default_id), post.pop("image", "")
    id = str(given) if type(given) in (str, int) else default_id
    try:
        if id == default_id != given:
            raise RowError(f"id must be a string, not {show_value(given)}", "wrong type")
        if len(encode_json(post)) + len(id) > MAX_LINE_BYTES:
            raise RowError(f"a post of more than {MAX_LINE_BYTES} bytes beside its photo", "too long")
        for of in ("head", "tail"):
            if isinstance(post.get(of), str) and len(post[of]) > LONGEST_MENTION:
                raise RowError(f"{of} has more than {LONGEST_MENTION} characters", "too long")
        shown = {} if image == "" else {"image": _find_photo(image, uploads, rules)}
    except RowError as error:
        return Unanswered(id, str(error))
    except ValueError:  # the number is read as infinity
        return Unanswered(id, "holds a number that is too large")
    except RecursionError:
        return Unanswered(id, "holds lists in lists, or objects in objects, too deep to be read")
    return {**post, **shown, "id": id}


def _find_photo(image: object, uploads: Mapping[str, bytes], rules: PostRules) -> bytes | str:
    """Find the bytes of a photo, or its name in the folder of the photos.

    Raises:
        RowError: There is none, or none may be shown.
    """
    if rules.no_photos is not None:
        raise RowError(rules.no_photos, "photo")
    if isinstance(image, dict) and set(image) == {"base64"} and isinstance(image["base64"], str):
        try:
            return base64.b64decode(image["base64"], validate=True)
        except (binascii.Error, ValueError):
            raise RowError("image: not base64 (the bytes of its file, without data:...;base64,)", "photo") from None
    if not isinstance(image, str):
        raise RowError(f'image must be {{"base64": "..."}} or the name of a photo, not {show_value(image)}', "photo")
    if image in uploads:
        return uploads[image]
    if rules.photos is None:
        fault = "was not sent along, and this server reads no photos of its own"
        raise RowError(f"photo {show_value(image)}: {fault}", "photo")
    if image.startswith("/"):
        raise RowError(f"photo {show_value(image)}: leads outside the folder of the photos", "photo")
    try:
        resolve_photo(rules.photos, image)
    except ImageError as error:
        raise RowError(f"photo {show_value(image)}: {error}", "photo") from None
    return image
