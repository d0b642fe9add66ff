"""Every layout that docs/data-sets.md shows is read by the command it shows, on a small file of that layout."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dgf.pipeline.posts import COLUMNS, LAYOUTS
from support.command import dgf
from support.packed import write_tar

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "data-sets.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^dgf (.+)$", DOCUMENT, flags=re.M)

TOKENS = ["Ann", "of", "New", "York"]
ANN, YORK = {"name": "Ann", "pos": [0, 1]}, {"name": "New York", "pos": [2, 4]}
ROW: dict[str, Any] = {"token": TOKENS, "h": ANN, "t": YORK, "img_id": "1.jpg", "relation": "None"}
BOXED = {**ROW, "t": {"name": "[OBJ0]", "box": [0.5, 0.5, 0.2, 0.4]}, "relation": "none"}
LABEL = [{"beg_ent": {**ANN, "tags": "per"}, "sec_ent": {**YORK, "tags": "loc"}, "relation": "None"}]
JSONL = {"tokens": TOKENS, "head": {"span": [0, 1]}, "tail": {"span": [2, 4]}, "image": "images/1.jpg"}
FILES = {
    "MNRE/txt/ours_train.txt": repr(ROW),
    "MNRE-1/mnre_org_train.txt": repr({**ROW, "img_id": 1, "relation": "none"}),
    "JMERE/train.json": json.dumps([{"token": TOKENS, "img_id": "1.jpg", "label_list": [LABEL, LABEL]}]),
    "MORE/txt/valid.txt": repr(BOXED),
    "UMRE/val_set.json": repr(BOXED),
    "M2RE/train.json": json.dumps([{**ROW, "relation": ["None", "peer"]}]),
    "TWITTER/valid.txt": "IMGID:1\nAnn\tB-PER\nof\tO\nNew\tB-LOC\nYork\tI-LOC\n",
    "posts.csv": "text,head,tail,image\nAnn of New York,Ann,New York,images/1.jpg\n",
    "posts.jsonl": json.dumps(JSONL),
}
PHOTOS = ("MNRE/img_org/train", "MNRE-1/img_org", "JMERE/images", "MORE/img_org/val", "UMRE/images", "M2RE/images")
SAID = {  # beside the layout
    "MNRE": "the relation 'None' means that there is none",
    "MNRE-1": "the relation 'none' means that there is none",
    "UMRE": "boxes are read as middle, width and height",
    "M2RE": "1 pairs have several relations: each is a row of its own",
    "TWITTER": "1 posts with 2 mentions and no relations: a row for each of 2 ordered pairs",
}
ROWS = {"JMERE": 2, "M2RE": 2, "TWITTER": 2}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data-sets")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")
    for folder in (*PHOTOS, "TWITTER/twitter2015_images", "images"):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(root / folder / "1.jpg")
    return root


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_reads_what_it_says(command: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb, name, *options = shlex.split(command)
    layout = re.search(r"`--layout ([\w-]+)`[^#]*?dgf " + re.escape(command), DOCUMENT, flags=re.S)
    assert verb == "validate" and layout is not None
    monkeypatch.chdir(place)
    if name == "posts.tar":
        write_tar(place / name, [("1.json", json.dumps(JSONL).encode()), ("1.jpg", b"a photo")])
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="pip install 'dgf[parquet]'")
        import pyarrow.parquet

        (place / name).mkdir()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**JSONL, "image": "1.jpg"}]), name + "/train.parquet")
        Image.new("RGB", (4, 4)).save(place / name / "1.jpg")
    done = dgf(verb, name, *options)
    assert done.code == 0, done
    assert f"(layout {layout[1]})" in done.out and SAID.get(name, "") in done.out
    assert re.search(rf"^rows +{ROWS.get(name, 1)}$", done.out, flags=re.M)
    assert re.search(r"^photos found +1$", done.out, flags=re.M)
    again = dgf(verb, name, *options, "--layout", layout[1], "--json")
    assert json.loads(again.out)["layout"] == layout[1]


def test_every_layout_and_column_is_shown() -> None:
    shown = set(re.findall(r"`--layout ([\w-]+)`:", DOCUMENT))
    assert shown == {layout.name for layout in LAYOUTS} and len(COMMANDS) == len(LAYOUTS)
    assert all(f"`{column}`" in DOCUMENT for column in COLUMNS if not column.startswith("tail"))
    said = dgf("validate", "--help").out
    assert all(re.search(rf"\b{column}\b", said) for column in COLUMNS)
