"""Posts about the world in MNRE's layout on disk, with photos, and beside them what decides each post."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from dgf.pipeline.files import write_atomic, write_json
from dgf.pipeline.posts import NONE
from dgf.workflows.demo.world.ceilings import VIEWS, Ceilings, best_rule, score_rule
from dgf.workflows.demo.world.describe import describe
from dgf.workflows.demo.world.evidence import PAIRS, Case, draw_cases, list_cases
from dgf.workflows.demo.world.grammar import write_sentence
from dgf.workflows.demo.world.names import Names
from dgf.workflows.demo.world.scene import Scene, draw_scene
from dgf.workflows.demo.world.staging import random_scene, stage_scene

WORLD_ROWS = {"train": 2000, "val": 200, "test": 300}
MORE_POSTS = 1700
"""Further test posts, for what needs no photo of theirs: F1 of 300 posts is a matter of luck by two or three points."""

WORLD_RELATIONS = (NONE, *dict.fromkeys(name for pair in PAIRS.values() for name in pair.relations if name != NONE))
"""In id order, None first as in MNRE."""
SIDE_FILE, CEILING_FILE = "world.jsonl", "ceilings.json"

_QUALITIES = (70, 92)


@dataclass(frozen=True, slots=True)
class DrawnPost:
    """A post, and what is known of it.

    Args:
        id: As the reader of MNRE's layout calls it.
        case: How it came about.
        row: What its line says.
        scene: What its photo shows.
        quality: Of the JPEG.
    """

    id: str
    case: Case
    row: Mapping[str, object]
    scene: Scene
    quality: int

    def known(self) -> dict[str, object]:
        """Return what the side file says: what decides, and what is where in the photo. No model reads it."""
        case = self.case
        return {
            "id": self.id,
            "photo": self.row["img_id"],
            "relation": case.relation,
            "decided_by": case.decided_by,
            "photo_role": case.photo_role,
            "exception": case.exception,
            "text_evidence": case.text,
            "photo_evidence": case.shown,
            "size": self.scene.size,
            "description": describe(self.scene),
            "things": [
                {"kind": thing.kind, "box": thing.box, "visible": thing.visible, "matters": thing.matters}
                for thing in self.scene.things
            ],
        }


def draw_posts(rows: Mapping[str, int], seed: int) -> dict[str, list[DrawnPost]]:
    """Draw the posts of each split; no two share a name, a sentence, an account or a scene."""
    cases, names = list_cases(), Names()
    posts: dict[str, list[DrawnPost]] = {}
    for split, count in rows.items():
        drawn = draw_cases(cases, count, random.Random(f"cases of {split} in world {seed}"))
        posts[split] = [
            _draw_post(case, split, index, names, random.Random(f"post {index} of {split} in world {seed}"))
            for index, case in enumerate(drawn)
        ]
    return posts


def training_scenes(seed: int) -> Iterator[Scene]:
    """Draw scenes without end, for what learns from photos alone; none of them is a post's, whatever the seeds."""
    index = 0
    while True:
        yield random_scene(random.Random(f"training scene {index} of {seed}"))
        index += 1


def write_world(folder: Path, rows: Mapping[str, int] = WORLD_ROWS, seed: int = 0) -> Ceilings:
    """Write posts and photos in MNRE's layout, `world.jsonl` and `ceilings.json`; files of the same names are replaced.

    Args:
        folder: Where to.
        rows: Posts of each split.
        seed: The same one writes the same bytes.

    Returns:
        The best that models of the posts can score.
    """
    posts = draw_posts(rows, seed)
    (folder / "txt").mkdir(parents=True, exist_ok=True)
    for split, drawn in posts.items():
        photos = folder / "img_org" / split
        photos.mkdir(parents=True, exist_ok=True)
        for post in drawn:
            draw_scene(post.scene).save(photos / str(post.row["img_id"]), quality=post.quality)
        write_atomic(folder / "txt" / f"ours_{split}.txt", "".join(f"{post.row}\n" for post in drawn).encode())
    _write_relations(folder)
    lines = [json.dumps(post.known()) + "\n" for drawn in posts.values() for post in drawn]
    write_atomic(folder / SIDE_FILE, "".join(lines).encode())
    ceilings = find_ceilings({split: [post.case for post in drawn] for split, drawn in posts.items()})
    write_json(folder / CEILING_FILE, asdict(ceilings))
    return ceilings


def write_with_irrelevant_photos(
    folder: Path, rows: Mapping[str, int] = WORLD_ROWS, seed: int = 0, more: int = MORE_POSTS
) -> Ceilings:
    """Write the test posts of `write_world`, and more of the same world, each with a photo that means nothing.

    No photo is copied: what was extracted from the world has them all, under the same ids.

    Args:
        folder: Where to.
        rows: Posts of each split of the world; among those of the test split must be one with such a photo.
        seed: Of the world.
        more: Further posts.

    Returns:
        The best that models of these posts can score; from the photo there is nothing to learn.
    """
    posts = draw_posts({**rows, "more": more}, seed)
    empty = [post.row["img_id"] for post in posts["test"] if post.case.photo_role == "irrelevant"]
    drawn = posts["test"] + posts["more"]
    lines = [str({**post.row, "img_id": empty[i % len(empty)]}) + "\n" for i, post in enumerate(drawn)]
    (folder / "txt").mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "txt" / "ours_test.txt", "".join(lines).encode())
    _write_relations(folder)
    return find_ceilings({"test": [post.case for post in drawn]})


def _write_relations(folder: Path) -> None:
    write_json(folder / "ours_rel2id.json", {relation: index for index, relation in enumerate(WORLD_RELATIONS)})


def find_ceilings(drawn: Mapping[str, list[Case]]) -> Ceilings:
    """Find the best rules of the distribution, and what they score on it and on the cases drawn for each split."""
    cases = list_cases()
    rules = {view: best_rule(cases, view) for view in VIEWS}
    return Ceilings(
        {view: score_rule(rule, cases, view, weighted=True) for view, rule in rules.items()},
        {
            split: {view: score_rule(rule, some, view, weighted=False) for view, rule in rules.items()}
            for split, some in drawn.items()
        },
    )


def _draw_post(case: Case, split: str, index: int, names: Names, rng: random.Random) -> DrawnPost:
    head_type, tail_type = case.pair.split("/")
    head, tail = names.entity(head_type, rng), names.entity(tail_type, rng)
    words, at_head, at_tail = write_sentence(case.text, head, tail, names.handle(rng), rng)
    row = {
        "token": words,
        "h": {"name": head, "pos": list(at_head)},
        "t": {"name": tail, "pos": list(at_tail)},
        "img_id": f"drawn_{split}_{index:04d}.jpg",
        "relation": case.relation,
    }
    scene = stage_scene(case.shown, rng)
    return DrawnPost(f"{split}:{index + 1}", case, row, scene, rng.randint(*_QUALITIES))
