"""Small valid files of text to begin from: posts in both layouts, captions, types, relations, configurations."""

import gzip
import json

from .. import Files

RELATIONS = ("None", "/per/org/member_of", "/per/per/peer")

_WORDS = (["Alice", "joins", "Club", "7", "with", "Bob"], ["Żółć", "meets", "🐎", "in", "Rome", "."])


def _posts(unit: str = "words") -> list[dict[str, object]]:
    posts: list[dict[str, object]] = []
    for number in range(4):
        words = _WORDS[number % 2]
        head = {"text": words[0], "span": [0, 1] if unit == "words" else [0, len(words[0])], "type": "per"}
        start = len(" ".join(words[:2])) + 1
        tail = {"name": words[2], "span": [2, 3] if unit == "words" else [start, start + len(words[2])]}
        text = {"tokens": words} if unit == "words" else {"text": " ".join(words)}
        more = {"image": f"train-{number // 2}.png", "relation": RELATIONS[number % 3]}
        posts.append({"id": f"p{number}", **text, "head": head, "tail": tail, **more})
    return posts


def _lines(rows: list[dict[str, object]], *, ascii_only: bool = False) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows).encode()


def ids_of_relations() -> bytes:
    return json.dumps({name: number for number, name in enumerate(RELATIONS)}).encode()


def jsonl() -> list[Files]:
    words, characters = _lines(_posts()), _lines(_posts("characters"))
    splits = [{**post, "split": split} for post, split in zip(_posts(), ("train", "dev", "val", "test"), strict=True)]
    folder: Files = {
        "data/train.jsonl": words,
        "data/val.jsonl.gz": gzip.compress(words.replace(b'"p', b'"v'), 1, mtime=0),
    }
    return [
        {"posts.jsonl": words},
        {"posts.jsonl": characters},
        {"posts.ndjson": characters.replace(b"\n", b"\r\n")},
        {"posts.jsonl": b"\xef\xbb\xbf" + words},
        {"posts.jsonl": words.decode().encode("utf-16")},
        {"posts.jsonl": b"\xfe\xff" + characters.decode().encode("utf-16-be")},
        {"posts.jsonl.gz": gzip.compress(words, 1, mtime=0)},
        {"posts.jsonl": _lines(splits, ascii_only=True)},
        {**folder, "data/relations.json": ids_of_relations()},
        {"data/test.ndjson": characters, "data/rel2id.json": ids_of_relations()},
    ]


def post_arrays() -> list[Files]:
    """JSON arrays of posts, whatever their name: read or refused, but never a fault of ours."""
    array = json.dumps(_posts(), indent=1).encode()
    return [
        {"posts.json": array},
        {"posts.jsonl": json.dumps(_posts()).encode()},
        {"data/train.json": array},
        {"posts.json": json.dumps({"posts": _posts("characters")}).encode()},
    ]


def mnre() -> list[Files]:
    rows = []
    for number in range(4):
        words = _WORDS[number % 2]
        head, tail = {"name": words[0], "pos": [0, 1]}, {"name": words[2], "pos": [2, 3]}
        row = {"token": words, "h": head, "t": tail, "img_id": f"{number}.png", "relation": RELATIONS[number % 3]}
        rows.append(f"{row}\n")
    text = "".join(rows).encode()
    return [
        {"data/txt/ours_train.txt": text, "data/txt/ours_val.txt": text, "data/ours_rel2id.json": ids_of_relations()},
        {"data/mnre_txt/mnre_val .txt": text.replace(b"img_id", b"image_id")},
        {"data/ours_test.txt": text.decode().encode("utf-16")},
        {"data/ours_dev.txt": gzip.compress(text, 1, mtime=0)},
    ]


def keyed() -> list[Files]:
    """The other data sets with MNRE's keys."""
    words = _WORDS[0]
    head, tail = {"name": words[0], "pos": [0, 1]}, {"name": words[2], "pos": [2, 3]}
    row = {"token": words, "h": head, "t": tail, "img_id": "1.png", "relation": "None"}
    boxed = {**row, "t": {"name": "[OBJ0]", "box": [0.5, 0.5, 0.2, 0.4]}}
    both = {**boxed, "h": {"name": "[OBJ1]", "pos": [0.3, 0.3, 0.2, 0.2]}, "t": {"name": ["7"], "pos": [3, 4]}}
    label = {"beg_ent": {**head, "tags": "per"}, "sec_ent": {**tail, "tags": "org"}, "relation": "peer"}
    sentence = {"token": words, "img_id": "1.png", "label_list": [[label], [label]]}
    several = {**row, "relation": ["None", "/per/per/peer"]}
    return [
        {"data/mnre_org_train.txt": f"{row}\n{ {**row, 'img_id': 7} }\n".encode()},
        {"data/txt/ours_train.txt": f"{ {**row, 'img_id': 7} }\n{row}\n".encode()},
        {"data/train.json": json.dumps([sentence, sentence]).encode()},
        {"data/txt/valid.txt": f"{boxed}\n{boxed}\n".encode()},
        {"data/val_set.json": f"{boxed}\n{both}\n".encode(), "data/rel2id.json": ids_of_relations()},
        {"data/test.json": json.dumps([several, row], indent=1).encode()},
    ]


def tagged() -> list[Files]:
    """CoNLL of Twitter-15 and Twitter-17."""
    post = "IMGID:62654\nAlice\tB-PER\njoins\tO\nClub\tB-ORG\n7\tI-ORG\nŻółć\tB-OTHER\n"
    text = f"{post}\n{post}".encode()
    return [
        {"data/valid.txt": text, "data/test.txt": text.replace(b"\t", b" ")},
        {"tweets.txt": text.decode().encode("utf-16")},
        {"data/train.txt.gz": gzip.compress(text, 1, mtime=0)},
    ]


def tables() -> list[Files]:
    """CSV and TSV."""
    cells = 'a,"Alice, who ""joins""\nClub 7",Alice,Club 7,org,None,1.png,train\n'
    words = f"id,text,head,tail,tail_type,relation,image,split\n{cells}"
    spans = "tokens\thead_start\thead_end\ttail_start\ttail_end\nŻółć meets 🐎\t0\t1\t2\t3\n"
    return [
        {"posts.csv": words.encode()},
        {"data/train.tsv": spans.encode(), "data/val.tsv": spans.replace("\n", "\r\n").encode()},
        {"posts.tsv": spans.encode("utf-16")},
    ]


def captions() -> list[Files]:
    rows: list[dict[str, object]] = [
        {"image_id": f"train-{number}.png", "caption": f"a  picture of\ta żółć {number}"} for number in range(3)
    ]
    return [
        {"captions.jsonl": _lines(rows)},
        {"captions.jsonl": _lines(rows).decode().encode("utf-16")},
        {"captions.jsonl.gz": gzip.compress(_lines(rows), 1, mtime=0)},
    ]


def types() -> list[Files]:
    rows: list[dict[str, object]] = [{"id": f"p{number}", "head": "per", "tail": None} for number in range(3)]
    return [{"types.jsonl": _lines(rows)}, {"types.jsonl.gz": gzip.compress(_lines(rows), 1, mtime=0)}]


def graphs() -> list[Files]:
    """Scene graphs as lines, and as Scene-Graph-Benchmark writes them, with the file that names their photos."""
    boxes = [[0, 0, 3.5, 5], [3, 0, 8, 6], [1, 1, 2, 2]]
    rows: list[dict[str, object]] = [
        {"image_id": f"train-{number}.png", "boxes": boxes, "relations": [[0, 1], [2, 0]]} for number in range(3)
    ]
    found = {"bbox": boxes, "bbox_scores": [0.9, 0.8, 0.7], "rel_pairs": [[0, 1], [1, 2]], "rel_scores": [0.9, 0.2]}
    predicted = {str(number): found for number in range(2)}
    info = {"idx_to_files": ["photos/train-0.png", "photos/train-1.png"]}
    return [
        {"graphs.jsonl": _lines(rows)},
        {"graphs.jsonl.gz": gzip.compress(_lines(rows), 1, mtime=0)},
        {
            "data/custom_prediction.json": json.dumps(predicted).encode(),
            "data/custom_data_info.json": json.dumps(info).encode(),
        },
    ]


def boxes() -> list[Files]:
    row = {"boxes": [[0, 0, 3.5, 5], [3, 0, 8, 6]], "labels": ["a man", "żółć"], "scores": [0.5, 1]}
    rows: list[dict[str, object]] = [{"image_id": f"train-{number}.png", **row} for number in range(3)]
    return [{"boxes.jsonl": _lines(rows)}, {"boxes.jsonl.gz": gzip.compress(_lines(rows), 1, mtime=0)}]


def relations() -> list[Files]:
    return [{"relations.json": ids_of_relations()}, {"relations.json": json.dumps(list(RELATIONS)).encode()}]


CONFIG = b"""\
language_model: random:gpt2?n_layer=1&n_embd=16
data: {path: posts, features: null, captions: null, missing_images: text-only, max_length: 64, image_share: 0.5}
model:
  name: dgf-pt
  plm: frozen
  prefix_hidden: 8
  dropout: 0.1
optim:
  epochs: 2
  batch_size: 4
  learning_rate: 1.0e-3
  patience: null
seed: 3
precision: float32
"""


def configs() -> list[Files]:
    return [
        {"config.yaml": CONFIG},
        {"config.yaml": b"seed: 1\noptim: &o {epochs: 3}\n"},
        {
            "config.yaml": json.dumps(
                {"optim": {"warmup": 0.1, "schedule": "constant"}, "model": {"delta": 0.3}}
            ).encode()
        },
    ]


def words() -> list[Files]:
    """`key=value` words, one a line."""
    lines = (
        b"seed=3\nmodel.plm=full\noptim.epochs=5\nmodel.entity_types=none\ndata.max_length=64\noptim.patience=null\n"
    )
    return [{"words": lines}, {"words": b"language_model=gpt2\nmodel.name=dgf-pt\noptim={epochs: 3}\n"}]


def detectron2() -> list[Files]:
    base = b"MODEL:\n  META_ARCHITECTURE: GeneralizedRCNN\n  RESNETS: {DEPTH: 50, OUT_FEATURES: [res4]}\n"
    full = (
        base
        + b"""\
  MASK_ON: false
  PIXEL_STD: [1.0, 57.0, 58.0]
  ANCHOR_GENERATOR: {SIZES: [[32], [64]], ASPECT_RATIOS: [[0.5, 1.0]]}
  RPN: {PRE_NMS_TOPK_TEST: 6000}
  ROI_HEADS: {NAME: Res5ROIHeads, NUM_CLASSES: 4}
INPUT: {MIN_SIZE_TEST: 64, MAX_SIZE_TEST: 128}
VERSION: 2
"""
    )
    return [
        {"detector.yaml": full},
        {"detector.yaml": b"_BASE_: base.yaml\n" + b"INPUT: {MIN_SIZE_TEST: 64}\n", "base.yaml": full},
        {"detector.yaml": b"_BASE_: [base.yaml]\nSOLVER: {STEPS: [1, 2]}\n", "base.yaml": base},
    ]
