"""A folder in which the commands of the pages run: small things under the names that the pages use."""

import json
import re
import shutil
from pathlib import Path

from dgf.workflows.demo import parts
from dgf.workflows.demo.world import write_world
from dgf.workflows.reproduce.tiny_world import write_tiny_world
from support.command import dgf
from support.documents import CommandLine, command_lines
from support.hf_models import vision
from support.leaky_posts import write_leaky
from support.narrow_job import narrow_settings
from support.posts_of import DETECTOR
from support.shipped import REPOSITORY

BERT = "random:bert?num_hidden_layers=1&hidden_size=32&num_attention_heads=2&intermediate_size=64"
GPT = "random:gpt2?n_layer=1&n_embd=32&n_head=2"
BERTS = ("mtb", "bert-sg", "bert-sg-att", "visualbert", "mega", "hvpnet", "dgf-pt-bert")
SHIPPED = str(Path(parts.__path__[0]) / "weights")

SMALLER = {
    # what the pages say: what runs here, on a CPU, without the network and in seconds
    "language_model=gpt2": f"language_model={GPT}",
    "=MINILM": f"={BERT}",
    "--with-model MINILM": f"--with-model {BERT}",
    "=SMOLLM2": f"={GPT}",
    "=models/gpt2": f"={GPT}",
    "=models/gpt": f"={GPT}",
    "=models/bert": f"={BERT}",
    "$BERT": "$PARTS/masked_language_model",
    "$PARTS": SHIPPED,
    "--oscar path/to/oscar": "--oscar random --beams 1",
    "--weights default --encoder dinov2": "--weights default --encoder transformers:checkpoints/siglip",
    "--encoder timm:convnext_tiny.fb_in22k": "--encoder timm:convnext_atto --encoder-weights random",
    "--weights default": f"--detector {DETECTOR} --weights random",
    "--weights random --encoder": f"--detector {DETECTOR} --weights random --encoder",
    "--vgg-weights default": "--vgg-weights vgg.safetensors",
    "--device cuda": "--device cpu",
    "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT": "1/1",
    "--seeds 0,1,2": "--seeds 0",
    "--processes 4": "--processes 2",
    "--workers 2": "--workers 0",
}
"""Nothing else of a page is changed, but for `MORE`."""

MORE = {
    "extract-features MNRE --out features": ("--overwrite",),  # of ways to the same
    "train MNRE --out RUN": ("--missing-images", "text-only", f"language_model={GPT}", "optim.epochs=1"),
    "train s3://bucket/mnre": (f"language_model={GPT}", "optim.epochs=1", "--device", "cpu"),
    "train": ("optim.epochs=1", "--device", "cpu"),
    "audit MNRE --crops MNRE/crops --with-model": ("optim.epochs=1", "--device", "cpu"),
    "eval": ("--device", "cpu"),
    "reproduce table-1 --data MNRE": (
        "optim.epochs=1",
        *(f"{row}:language_model={GPT}" for row in ("dgf-pt", "dgf-pt-gpt")),
        *(f"{row}:language_model={BERT}" for row in BERTS),
    ),
    "reproduce table-1 --data demo-run": ("optim.epochs=1",),
    "reproduce table-2": ("optim.epochs=1",),
    "reproduce table-4": ("optim.epochs=1",),
}
"""Words behind those of a command, by what it begins with."""


def lines_of_page(name: str) -> list[CommandLine]:
    """Those that stand whole in the blocks of a page."""
    return [line for line in command_lines((REPOSITORY / name).read_text(encoding="utf-8")) if line.whole]


def words_here(line: CommandLine) -> list[str]:
    """The words of a line as they run here."""
    text = "\0".join(line.words)
    for said, here in SMALLER.items():
        text = text.replace(said.replace(" ", "\0"), here.replace(" ", "\0"))
    words = text.split("\0")
    more = next((added for begins, added in MORE.items() if " ".join(words).startswith(begins)), ())
    return [*words, *more]


def make_place(place: Path) -> None:
    """Write posts, photos, features and captions of a few rows, and what else pages name."""
    world = write_tiny_world(place)
    shutil.move(world["path"], place / "MNRE")
    shutil.copytree(place / "MNRE", place / "DATA")
    narrow_settings(place / "DATA", place / "unused", place)  # leaves vgg.safetensors
    for split in ("train", "val", "test"):
        rows = [json.loads(line) for line in (place / "MNRE" / f"{split}.jsonl").read_text().splitlines()]
        said = "".join(json.dumps({"image_id": row["image"], "caption": "people in a city"}) + "\n" for row in rows)
        (place / f"BLIP_{split}.txt").write_text(said)
    (place / "photos").mkdir()


def make_seen_place(place: Path) -> None:
    """The same with a checkpoint of a vision transformer, and boxes and a scene graph of one of the photos."""
    make_place(place)
    vision(place / "checkpoints" / "siglip", "siglip")
    row = json.loads((place / "MNRE" / "train.jsonl").read_text().splitlines()[0])
    boxes = {"image_id": row["image"], "boxes": [[0, 0, 9, 9]]}
    (place / "boxes.jsonl").write_text(json.dumps(boxes) + "\n")
    graph = {"image_id": row["image"], "boxes": [[0, 0, 9, 9], [2, 2, 8, 8]], "relations": [[0, 1, "on"]]}
    (place / "graphs.jsonl").write_text(json.dumps(graph) + "\n")


def draw_place(place: Path) -> None:
    """Draw the demo's posts, but few."""
    write_world(place / "demo-run" / "posts", {"train": 6, "val": 3, "test": 3})


def make_leaky_place(place: Path) -> None:
    """Write posts whose crops give the relation away, in enough rows to be told, and captions that do not."""
    posts, crops = write_leaky(place / "leaky", 0, planted=True, sizes={"train": 160, "val": 20, "test": 120})
    posts.rename(place / "MNRE")
    crops.rename(place / "MNRE" / "crops")
    (place / "CAPTIONS").mkdir()
    for split in ("train", "val", "test"):
        rows = [json.loads(line) for line in (place / "MNRE" / f"{split}.jsonl").read_text().splitlines()]
        told = {row["image"]: json.dumps({"image_id": row["image"], "caption": "people in a city"}) for row in rows}
        (place / "CAPTIONS" / f"BLIP_{split}.txt").write_text("".join(line + "\n" for line in told.values()))


def train_paper(place: Path, *, seen: bool) -> None:
    """Run the README's training, which other pages go on from; if photos are `seen`, after what makes their shards."""
    if seen:
        for name in ("features", "captions"):
            shutil.rmtree(place / name)
    for line in lines_of_page("README.md"):
        if "try/" not in str(line) and line.words[0] in (
            ("extract-features", "caption", "train") if seen else ("train",)
        ):
            done = dgf(*words_here(line))
            assert done.code == 0, done.said


def seeded(words: list[str], seed: int) -> list[str]:
    """The words of a training with another seed, where the page says only one of several."""
    return [re.sub(r"(?<=-|=)20$", str(seed), word) for word in words]
