from pathlib import Path

import numpy as np
import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.config import DataConfig
from dgf.workflows.data.captions import caption_files, caption_folder, open_captions, read_caption_files


def post(number: int, *image_ids: str) -> Post:
    return Post(f"train:{number}", ("Ann", "met", "Bob"), Mention("Ann", 0, 1), Mention("Bob", 2, 3), image_ids)


def mnre(split: str, name: str) -> tuple[str, ...]:
    others = [other for other in ("train", "val", "test") if other != split]
    return tuple(f"{folder}/{name}" for folder in (split, *others))


def told(table_of: tuple[Path, ...], split: str, *posts: Post) -> list[str]:
    table = read_caption_files(table_of)
    rows = table.find(split, posts, np.full(len(posts), -1))
    return ["" if row < 0 else table.texts[row] for row in rows]


def test_literals_and_json_with_either_names_of_the_keys(tmp_path: Path) -> None:
    lines = [
        "{'img_id': 'a.jpg', 'text': \"a dog's   bed\"}",
        '{"image_id": "./b.jpg", "caption": "a cat"}',
        '{"img_id": "c.jpg", "caption": "\\n a fish"}',
        "{'img_id': 'd.jpg', 'text': ''}",
    ]
    (tmp_path / "mine.txt").write_text("\n".join(lines))
    posts = [post(i, f"{name}.jpg") for i, name in enumerate("abcd")]
    assert told((tmp_path / "mine.txt",), "train", *posts, post(9)) == ["a dog's bed", "a cat", "a fish", "", ""]
    table = read_caption_files((tmp_path / "mine.txt",))
    assert table.find("train", posts, np.full(4, -1)).tolist() == [0, 1, 2, -1], "an empty caption is none"


def test_a_name_that_two_splits_have_gets_the_caption_of_its_own_split(tmp_path: Path) -> None:
    files = []
    for split in ("train", "dev", "test"):
        files.append(tmp_path / f"BLIP_{split}.txt")
        files[-1].write_text(
            f"{{'img_id': 'same.jpg', 'text': 'of {split}'}}\n{{'img_id': '{split}.jpg', 'text': 'x'}}"
        )
    for split, said in (("train", "of train"), ("val", "of dev"), ("test", "of test")):
        assert told(tuple(files), split, post(0, *mnre(split, "same.jpg"))) == [said]
    # a photo that lies in another split's folder alone
    assert told(tuple(files), "train", post(0, *mnre("train", "test.jpg"))) == ["x"]
    assert told(tuple(files[:1]), "train", post(0, *mnre("train", "test.jpg"))) == [""]


@pytest.mark.parametrize(
    "name", ["BLIP_val.txt", "val.jsonl", "captions.val.jsonl", "mnre_val .txt", "mnre-dev.v2.txt", "ours_val"]
)
def test_a_file_is_of_the_split_that_its_name_says(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{'img_id': 'same.jpg', 'text': 'x'}\n")
    photo = post(0, "same.jpg")
    assert [told((tmp_path / name,), split, photo) for split in ("train", "val", "test")] == [[""], ["x"], [""]]


def test_posts_of_ones_own_find_a_photo_of_any_split_where_there_is_one_caption_of_its_name(tmp_path: Path) -> None:
    one, two = tmp_path / "BLIP_train.txt", tmp_path / "BLIP_test.txt"
    one.write_text(
        "{'img_id': 'a.jpg', 'text': 'x'}\n{'img_id': 'b.jpg', 'text': 'x'}\n{'img_id': 'c.jpg', 'text': 'c'}"
    )
    two.write_text("{'img_id': 'a.jpg', 'text': 'x'}\n{'img_id': 'b.jpg', 'text': 'y'}\n")
    posts = [post(i, f"{name}.jpg") for i, name in enumerate("abc")]
    assert told((one, two), "predict", *posts) == ["x", "", "c"]
    assert told((one, two), "test", *posts) == ["x", "y", ""]


def test_a_photo_in_a_folder_of_the_users_own_is_known_by_its_whole_name_alone(tmp_path: Path) -> None:
    (tmp_path / "all.jsonl").write_text(
        '{"image_id": "1.jpg", "caption": "one"}\n{"image_id": "b/1.jpg", "caption": "b"}'
    )
    file = (tmp_path / "all.jsonl",)
    assert told(file, "train", post(0, "a/1.jpg"), post(1, "b/1.jpg"), post(2, "1.jpg")) == ["", "b", "one"]


def test_two_captions_of_one_photo_are_an_error_that_names_both_lines(tmp_path: Path) -> None:
    one, two = tmp_path / "one_train.txt", tmp_path / "two_train.txt"
    one.write_text("{'img_id': 'a.jpg', 'text': 'a dog'}\n")
    two.write_text("{'img_id': 'a.jpg', 'text': ' a  dog'}\n{'img_id': 'a.jpg', 'text': 'a cat'}\n")
    with pytest.raises(UserError, match=rf"{two}:2: a\.jpg has another caption in {one}:1"):
        read_caption_files((one, two))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{'text': 'a dog'}", "'image_id' is missing"),
        ("{'img_id': 'a.jpg'}", "'caption' is missing"),
        ("{'img_id': 'a.jpg', 'text': 3}", "image_id and caption must be text, not 3"),
        ("{'img_id': ' ', 'text': 'a dog'}", "not empty"),
        ("{'img_id': 'a.jpg', 'image_id': 'b.jpg', 'text': 'a'}", "'image_id' and 'img_id' differ"),
        ("{'img_id': __import__('os').getcwd(), 'text': 'a'}", "not a Python literal"),
    ],
)
def test_a_line_that_is_no_caption_is_named(line: str, fault: str, tmp_path: Path) -> None:
    file = tmp_path / "BLIP_train.txt"
    file.write_text(f"{{'img_id': 'x.jpg', 'text': 'x'}}\n{line}\n")
    with pytest.raises(UserError, match=rf"{file}:2: .*{fault}".replace("(", r"\(")):
        read_caption_files((file,))


def test_the_captioner_of_files_is_what_they_say_in_any_order(tmp_path: Path) -> None:
    one, two = tmp_path / "train.txt", tmp_path / "val.txt"
    one.write_text("{'img_id': 'a.jpg', 'text': 'a dog'}\n")
    two.write_text("{'img_id': 'b.jpg', 'text': 'a cat'}\n")
    before = read_caption_files((one, two)).captioner
    assert read_caption_files((two, one)).captioner == before != read_caption_files((one,)).captioner
    two.write_text("{'img_id': 'b.jpg', 'text': 'a cow'}\n")
    assert read_caption_files((one, two)).captioner != before


def test_a_folder_of_shards_needs_features_and_stands_alone(tmp_path: Path) -> None:
    file = str(tmp_path / "train.txt")
    with pytest.raises(UserError, match="needs --features"):
        caption_folder(DataConfig(captions=str(tmp_path)))
    with pytest.raises(UserError, match="beside other captions"):
        caption_folder(DataConfig(captions=(str(tmp_path), file), features="features"))
    assert caption_files(DataConfig(captions=(file, "more.txt"))) == (Path(file), Path("more.txt"))
    assert caption_files(DataConfig(captions=str(tmp_path), features="features")) == ()
    with pytest.raises(UserError, match=rf"{file} cannot be read"):
        open_captions(DataConfig(captions=file), None)
    assert open_captions(DataConfig(), None) is None
