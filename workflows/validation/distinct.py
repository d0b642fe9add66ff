"""How many different values there are, whatever their number: they lie in a file on the disk, not in memory."""

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b

_AT_ONCE = 2000
"""Values that wait in memory to be written together, in order."""

_CACHE_KIB = 512
"""Of the file, kept in memory."""

_SHORT = 16
"""Bytes; longer values are known by a digest of so many."""


class DistinctValues:
    """Sets of values, each with what belongs to a value, in a temporary file that is gone with this object."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)  # a file that has no name
        for setting in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            self._base.execute(f"PRAGMA {setting}")
        self._base.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        columns = "name TEXT, value BLOB, other BLOB"
        self._base.execute(f"CREATE TABLE seen ({columns}, PRIMARY KEY (name, value, other)) WITHOUT ROWID")
        self._base.execute("BEGIN")
        self._waiting: list[tuple[str, bytes, bytes]] = []

    def add(self, name: str, value: str) -> bool:
        """Add a value to the set of that name, and say whether it was not in it."""
        return self._base.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, x'')", (name, _key(value))).rowcount == 1

    def has(self, name: str, value: str) -> bool:
        """Say whether a value that `add` was given is in the set of that name."""
        found = self._base.execute("SELECT 1 FROM seen WHERE name = ? AND value = ?", (name, _key(value)))
        return found.fetchone() is not None

    def put(self, name: str, value: str, other: str = "") -> None:
        """Add a value to a set that is only counted at the end, with another that belongs to it."""
        self._waiting.append((name, _key(value), _key(other)))
        if len(self._waiting) >= _AT_ONCE:
            self._write()

    def count(self, name: str) -> int:
        """Count the different values of a set."""
        return self._number("SELECT count(DISTINCT value) FROM seen WHERE name = ?", (name,))

    def count_ambiguous(self, name: str) -> int:
        """Count the values of a set to which more than one other belongs."""
        several = "SELECT value FROM seen WHERE name = ? GROUP BY value HAVING count(*) > 1"
        return self._number(f"SELECT count(*) FROM ({several})", (name,))

    def count_common(self, one: str, other: str) -> int:
        """Count the values that are in both sets."""
        both = "SELECT count(*) FROM seen a JOIN seen b ON a.value = b.value AND a.other = b.other"
        return self._number(f"{both} WHERE a.name = ? AND b.name = ?", (one, other))

    def _number(self, query: str, names: tuple[str, ...]) -> int:
        self._write()
        return int(self._base.execute(query, names).fetchone()[0])

    def _write(self) -> None:
        self._base.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", sorted(self._waiting))
        self._waiting.clear()


class DistinctIds:
    """The ids of posts that are taken."""

    def __init__(self, values: DistinctValues) -> None:
        self._values = values

    def add(self, post_id: str, /) -> None:
        """Take an id."""
        self._values.add("id", post_id)

    def __contains__(self, post_id: object, /) -> bool:
        return self._values.has("id", str(post_id))


def join_parts(parts: Iterable[object]) -> str:
    """Several values as one; different ones stay different."""
    return "".join(f"{len(text)}:{text}" for text in map(str, parts))


def _key(value: str) -> bytes:
    plain = value.encode(errors="surrogatepass")
    return plain if len(plain) < _SHORT else blake2b(plain, digest_size=_SHORT).digest()
