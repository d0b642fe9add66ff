"""Posts about the drawn world, each with the scene that its photo shows, in MNRE's layout on disk."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dgf.pipeline.files import write_atomic
from dgf.workflows.demo.drawing import ROSE
from dgf.workflows.demo.world import (
    EVENTS,
    ORGANIZATIONS,
    PEOPLE,
    PLACES,
    PRIZES,
    Backdrop,
    Entity,
    Scene,
    Thing,
    at,
    draw_scene,
    standing,
)

_ShowsPerson = Literal[
    "teammates", "couple", "strangers", "player", "passer-by", "home", "traveler", "winner", "spectator"
]
Shown = _ShowsPerson | Literal["headquarters", "map", "festival"]


def arrange(shown: Shown, head: Entity, tail: Entity, rng: random.Random) -> tuple[Backdrop, tuple[Thing, ...]]:
    """Choose the backdrop and the things of a photo, from back to front, by the name of what it shows."""
    match shown:
        case "teammates":
            club = rng.choice(ORGANIZATIONS)
            return "pitch", (standing(head, 0.36, wears=club), standing(tail, 0.64, wears=club))
        case "couple":
            return "coast", (standing(head, 0.42), standing(tail, 0.58), at("heart", 0.5, 0.26, 0.13, 0.16, (ROSE,)))
        case "strangers":
            return "street", (standing(head, rng.uniform(0.12, 0.2)), standing(tail, rng.uniform(0.8, 0.88)))
        case "player":
            player = standing(head, rng.uniform(0.26, 0.4), wears=tail)
            return "pitch", (at("emblem", 0.78, 0.48, 0.22, 0.36, tail.colors), player)
        case "passer-by":
            poster = at("billboard", 0.74, 0.86, 0.36, 0.62, tail.colors)
            return "street", (poster, standing(head, rng.uniform(0.2, 0.34)))
        case "home":
            home = at("house", 0.64, 0.88, 0.5, 0.6, ((234, 214, 186), (160, 78, 62)))
            flag = at("flag", 0.89, 0.9, 0.2, 0.62, tail.colors)
            return "coast", (home, flag, standing(head, rng.uniform(0.18, 0.28)))
        case "traveler":
            case = at("suitcase", 0.48, 0.95, 0.12, 0.22, (rng.choice(((176, 84, 70), (70, 110, 120))),))
            plane = at("airplane", 0.36, 0.3, 0.42, 0.17, ((52, 92, 162),))
            return "street", (plane, at("flag", 0.84, 0.9, 0.2, 0.62, tail.colors), standing(head, 0.3), case)
        case "headquarters":
            flag = at("flag", 0.86, 0.92, 0.2, 0.66, tail.colors)
            return "street", (at("office", 0.42, 0.9, 0.56, 0.72, head.colors), flag)
        case "map":
            chart = at("country", 0.42, 0.88, 0.66, 0.74, (*head.colors, tail.colors[0]))
            return "street", (chart, at("flag", 0.88, 0.92, 0.18, 0.5, head.colors))
        case "winner":
            winner = standing(head, rng.uniform(0.34, 0.42))
            return "stage", (winner, at("trophy", 0.62, 0.74, 0.2, 0.32, tail.colors))
        case "spectator":
            trophy = at("trophy", 0.86, 0.88, 0.13, 0.22, tail.colors)
            return "stage", (trophy, standing(head, rng.uniform(0.13, 0.3)))
        case "festival":
            crowd = [standing(who, x) for who, x in zip(rng.sample(PEOPLE, 2), (0.3, 0.52), strict=True)]
            flag = at("flag", 0.88, 0.92, 0.2, 0.66, tail.colors)
            return "coast", (at("banner", 0.42, 0.84, 0.72, 0.72, head.colors), flag, *crowd)


@dataclass(frozen=True, slots=True)
class Situation:
    """One way in which two entities may meet: the label, who may take part, what the photo shows, what is written.

    Situations that share their sentences differ only in the photo.
    """

    relation: str
    heads: Sequence[Entity]
    tails: Sequence[Entity]
    shows: Shown
    sentences: Sequence[str]


_TWO_PEOPLE = ("{h} and {t} last night", "what a picture of {h} and {t} !", "RT @dailylark : {t} with {h} again")
_CLUB = ("{h} and the {t} this season", "RT @matchday : {h} talks about {t}", "so much {t} news , says {h}")
_HOME = ("{h} in {t} today", "RT @postcards : {h} sends greetings from {t}", "good morning {t} ! yours , {h}")
_SEAT = ("{h} opens its doors in {t}", "RT @citydesk : the new {h} house , {t}", "come and see {h} in {t}")
_TOWN = ("{t} , the pearl of {h}", "a weekend in {t} , {h}", "RT @maproom : where in {h} is {t} ?")
_PRIZE = ("{h} at the {t} gala", "RT @stagedoor : all eyes on the {t} , and on {h}", "tonight : {t} . {h} is there")
_EVENT = ("the {h} is back in {t}", "RT @whatson : {h} , {t} , all week", "see you at the {h} in {t} !")
SITUATIONS = (
    Situation("/per/per/peer", PEOPLE, PEOPLE, "teammates", _TWO_PEOPLE),
    Situation("/per/per/couple", PEOPLE, PEOPLE, "couple", _TWO_PEOPLE),
    Situation("None", PEOPLE, PEOPLE, "strangers", _TWO_PEOPLE),
    Situation("/per/org/member_of", PEOPLE, ORGANIZATIONS, "player", _CLUB),
    Situation("None", PEOPLE, ORGANIZATIONS, "passer-by", _CLUB),
    Situation("/per/loc/place_of_residence", PEOPLE, PLACES, "home", _HOME),
    Situation("None", PEOPLE, PLACES, "traveler", _HOME),
    Situation("/org/loc/locate_at", ORGANIZATIONS, PLACES, "headquarters", _SEAT),
    Situation("/loc/loc/contain", PLACES, PLACES, "map", _TOWN),
    Situation("/per/misc/awarded", PEOPLE, PRIZES, "winner", _PRIZE),
    Situation("None", PEOPLE, PRIZES, "spectator", _PRIZE),
    Situation("/misc/loc/held_on", EVENTS, PLACES, "festival", _EVENT),
)
DEMO_RELATIONS = ("None", *dict.fromkeys(s.relation for s in SITUATIONS if s.relation != "None"))
"""In id order, None first as in MNRE."""


def write_posts(folder: Path, rows: dict[str, int], seed: int = 0) -> None:
    """Write posts and photos in MNRE's layout: `txt/ours_{split}.txt`, `img_org/{split}`, `ours_rel2id.json`.

    Files of the same names are replaced. In each split the situations take turns for as many posts as `rows` says.
    """
    rng = random.Random(seed)
    for split, count in rows.items():
        photos = folder / "img_org" / split
        photos.mkdir(parents=True, exist_ok=True)
        lines = []
        for index in range(count):
            name = f"drawn_{split}_{index:03d}.jpg"
            row, scene = _stage_post(SITUATIONS[index % len(SITUATIONS)], name, rng)
            draw_scene(scene, rng.randrange(2**32)).save(photos / name, quality=90)
            lines.append(f"{row}\n")
        (folder / "txt").mkdir(exist_ok=True)
        write_atomic(folder / "txt" / f"ours_{split}.txt", "".join(lines).encode())
    ids = {relation: index for index, relation in enumerate(DEMO_RELATIONS)}
    write_atomic(folder / "ours_rel2id.json", json.dumps(ids, indent=1).encode())


def _stage_post(situation: Situation, photo: str, rng: random.Random) -> tuple[dict[str, object], Scene]:
    head = rng.choice(situation.heads)
    tail = rng.choice([entity for entity in situation.tails if entity is not head])
    backdrop, things = arrange(situation.shows, head, tail, rng)
    tokens: list[str] = []
    spans: dict[str, object] = {}
    for word in rng.choice(situation.sentences).split():
        entity = {"{h}": head, "{t}": tail}.get(word)
        words = entity.name.split() if entity else [word]
        if entity:
            spans[word[1]] = {"name": entity.name, "pos": [len(tokens), len(tokens) + len(words)]}
        tokens += words
    row = {"token": tokens, "h": spans["h"], "t": spans["t"], "img_id": photo, "relation": situation.relation}
    return row, Scene(backdrop, rng.choice(("day", "dusk", "night")), things)
