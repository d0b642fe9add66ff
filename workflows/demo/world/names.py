"""Names that nobody bears: what a name ends in tells its type and nothing else, and no two are alike."""

import random
from dataclasses import dataclass, field

_ONSETS = ("b", "br", "c", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "tr", "v")
_VOWELS = ("a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea")
_CODAS = ("l", "m", "n", "r", "s", "t", "nd", "rk", "x")
_SURNAMES = ("son", "ley", "ov", "ini", "ez", "mann", "ski", "wood", "berg", "er")
_FIRMS = (
    "United",
    "Rovers",
    "Works",
    "Group",
    "Labs",
    "Foods",
    "Motors",
    "Records",
    "Union",
    "Media",
    "Guild",
    "Studios",
)
_TOWNS = ("ville", "burg", "ford", "dale", "haven", "stad", "mouth", "port", "ham", "minster")
_BEFORE_TOWNS = ("Port", "Lake", "Mount", "San", "Saint")
_OCCASIONS = ("Prize", "Festival", "Gala", "Awards", "Cup", "Games", "Show", "Fair", "Medal", "Night")
_ACCOUNTS = ("post", "daily", "news", "talk", "fan", "tv", "photo", "world")


@dataclass(frozen=True, slots=True)
class Names:
    """Makes names, each of them once."""

    taken: set[str] = field(default_factory=set)

    def entity(self, entity_type: str, rng: random.Random) -> str:
        """Make the name of a per, org, loc or misc, as the relations of MNRE call them."""
        while True:
            stem = _stem(rng).capitalize()
            match entity_type:
                case "per":
                    name = f"{_stem(rng, 1).capitalize()}{rng.choice('aeio')} {stem}{rng.choice(_SURNAMES)}"
                case "org":
                    name = f"{stem} {rng.choice(_FIRMS)}"
                case "loc":
                    plain = f"{stem}{rng.choice(_TOWNS)}"
                    name = f"{rng.choice(_BEFORE_TOWNS)} {stem}" if rng.random() < 0.3 else plain
                case _:
                    name = f"{stem} {rng.choice(_OCCASIONS)}"
            if self._is_free(name):
                return name

    def handle(self, rng: random.Random) -> str:
        """Make the name of an account."""
        while True:
            name = f"@{_stem(rng)}{rng.choice(_ACCOUNTS)}"
            if self._is_free(name):
                return name

    def _is_free(self, name: str) -> bool:
        free = name not in self.taken
        self.taken.add(name)
        return free


def _stem(rng: random.Random, syllables: int = 2) -> str:
    parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(syllables)]
    return "".join(parts) + rng.choice(_CODAS)
