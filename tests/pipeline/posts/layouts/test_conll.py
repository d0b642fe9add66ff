"""Twitter-15 and Twitter-17: every ordered pair of the mentions of a post is a row without a relation."""

from itertools import permutations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.posts import Dataset, Mention, read_dataset


def read(root: Path, text: str) -> Dataset:
    root.mkdir(exist_ok=True)
    (root / "valid.txt").write_text(text)
    return read_dataset(root, on_error="skip")


def test_every_ordered_pair_is_a_row(tmp_path: Path) -> None:
    text = (
        "IMGID:62654\nAnn\tB-PER\nof\tO\nNew\tB-LOC\nYork\tI-LOC\n\nIMGID:7\nhi\tO\n\n\nIMGID:9\nX\tB-OTHER\nY\tI-PER\n"
    )
    dataset = read(tmp_path, text)
    ann, york = Mention("Ann", 0, 1, "per"), Mention("New York", 2, 4, "loc")
    assert dataset.layout == "conll" and dataset.relations == () and dataset.negative is None
    assert [(post.id, post.head, post.tail) for post in dataset.posts][:2] == [
        ("val:1.1", ann, york), ("val:1.2", york, ann),
    ]  # fmt: skip
    assert [post.id for post in dataset.posts][2:] == ["val:11.1", "val:11.2"]
    assert [mention.type for mention in (dataset.posts[2].head, dataset.posts[2].tail)] == ["misc", "per"]
    assert dataset.posts[0].image_ids[0] == "62654.jpg" and dataset.posts[0].relation is None
    assert dataset.notes == (
        f"{tmp_path / 'valid.txt'}: 3 posts with 4 mentions and no relations: a row for each of 4 ordered pairs; "
        "1 posts with fewer than two mentions have none",
    )


def test_a_bad_line_leaves_its_post_out_and_no_other(tmp_path: Path) -> None:
    good = "IMGID:1\nA\tB-PER\nB\tB-PER\n"
    for number, line in enumerate(("C", "C\tX-PER", "\tO", "IMGID:\nC")):
        dataset = read(tmp_path / str(number), f"{good}{line}\n\n{good}")
        if line.startswith("IMGID"):  # a post without a blank line before it, and without a photo
            assert [(fault.line, fault.message[:16]) for fault in dataset.faults] == [(5, "must be a word, ")]
            assert [post.id for post in dataset.posts] == ["val:1.1", "val:1.2", "val:7.1", "val:7.2"]
        else:
            assert [fault.line for fault in dataset.faults] == [4]
            assert [post.id for post in dataset.posts] == ["val:6.1", "val:6.2"]
    dataset = read(tmp_path, f"{good}C\n\n{good}")
    assert "must be a word, a tab and a tag such as O or B-PER, not 'C'" in dataset.faults[0].message


def test_a_file_of_its_own_is_a_split(tmp_path: Path) -> None:
    (tmp_path / "tweets.txt").write_text("IMGID:1\nA\tB-PER\nB\tB-PER\n")
    assert list(read_dataset(tmp_path / "tweets.txt").splits) == ["tweets"]


TAGS = st.sampled_from(["O", "B-PER", "B-LOC"])
POST = st.lists(st.tuples(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=5), TAGS), min_size=1)


@settings(max_examples=40, deadline=None)
@given(st.lists(POST, min_size=1, max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory: Any, posts: list[list[tuple[str, str]]]) -> None:
    lines = [[f"IMGID:{n}", *(f"{word}\t{tag}" for word, tag in post)] for n, post in enumerate(posts)]
    wanted = []
    for post in posts:
        words = tuple(word for word, _ in post)
        tagged = [(word, at, tag) for at, (word, tag) in enumerate(post) if tag != "O"]
        found = [Mention(word, at, at + 1, tag[2:].lower()) for word, at, tag in tagged]
        wanted += [(words, head, tail) for head, tail in permutations(found, 2)]
    if wanted:
        dataset = read(tmp_path_factory.mktemp("conll"), "\n\n".join("\n".join(post) for post in lines))
        assert [(post.tokens, post.head, post.tail) for post in dataset.posts] == wanted


def test_a_post_of_too_many_words_is_a_fault(tmp_path: Path) -> None:
    good = "IMGID:1\nA\tB-PER\nB\tB-PER\n"
    dataset = read(tmp_path, "IMGID:2\n" + "A\tO\n" * 2000 + f"\n{good}")
    assert [(fault.line, fault.message) for fault in dataset.faults] == [(1002, "the post has more than 1000 words")]
    assert [post.id for post in dataset.posts] == ["val:2003.1", "val:2003.2"]
    assert dataset.posts[0].tokens is dataset.posts[1].tokens
    dataset = read(tmp_path, "IMGID:2\n" + "A\tB-PER\n" * 66 + f"\n{good}")
    assert [(fault.line, fault.message) for fault in dataset.faults] == [(66, "the post has more than 64 mentions")]


def test_a_line_of_more_columns_is_a_fault(tmp_path: Path) -> None:
    for number, line in enumerate(("A NNP B-NP B-PER", "A\tNNP\tB-PER")):
        dataset = read(tmp_path / str(number), f"IMGID:1\nA\tB-PER\nB\tB-PER\n\nIMGID:2\n{line}\n")
        assert [fault.line for fault in dataset.faults] == [6] and "must be a word, a tab" in dataset.faults[0].message
