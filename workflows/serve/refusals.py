"""Requests that are not answered: with which status, and in which words."""

import json
from collections.abc import Mapping
from typing import Any

COME_AGAIN = {"Retry-After": "1"}
"""What a request is told that came at a bad time."""


class RefusedError(Exception):
    """A request is not answered.

    Args:
        status: Of HTTP.
        words: Why, for whoever sent it.
        headers: Of the response.
    """

    def __init__(self, status: int, words: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.status = status
        self.headers = dict(headers or {})

    @property
    def body(self) -> bytes:
        """What the response says."""
        return encode_json({"error": str(self)})


def encode_json(value: Any) -> bytes:
    """Write JSON in UTF-8; half a surrogate pair, which UTF-8 cannot hold, as its escape.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")
