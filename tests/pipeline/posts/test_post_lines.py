"""Posts of a file one by one: no label is looked at, and mentions stand for all their pairs or are one fault."""

import json
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError
from dgf.pipeline.posts import PostLine, stream_posts

TEXT: dict[str, Any] = {"text": "Ann met Bo in Rome", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
MENTIONS = [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]


def lines(tmp_path: Path, *rows: object, all_pairs: bool = False) -> list[PostLine]:
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(stream_posts(file, "posts", all_pairs=all_pairs))


def test_no_relation_decides_whether_a_row_is_read(tmp_path: Path) -> None:
    rows = [{**TEXT, "id": "a", "relation": label} for label in ("/per/per/peer", "", 3, ["x"], "\ud800", None)]
    posts = [line.post for line in lines(tmp_path, *rows)]
    assert posts == [posts[0]] * len(rows) and not isinstance(posts[0], RowError)
    pairs = lines(tmp_path, {"text": TEXT["text"], "mentions": MENTIONS, "relation": 3}, all_pairs=True)
    assert [line.id for line in pairs[:2]] == ["posts:1#0-1", "posts:1#0-2"] and len(pairs) == 6


def test_an_id_that_cannot_be_written_is_not_given_back(tmp_path: Path) -> None:
    (line, other) = lines(tmp_path, {**TEXT, "id": "\ud800"}, {**TEXT, "id": "b", "tail": 3})
    assert (line.id, other.id) == (None, "b") and "half a surrogate pair" in str(line.post)


def test_mentions_that_cannot_all_be_paired_are_one_fault(tmp_path: Path) -> None:
    row = {"id": "a", "text": TEXT["text"], "mentions": MENTIONS}
    bad = [
        {**row, "mentions": [*MENTIONS, {"span": [8, 99]}]},
        {**row, "mentions": [*MENTIONS, MENTIONS[0]]},
        {**row, "mentions": MENTIONS * 22},
        {**row, "id": ["a"]},
    ]
    told = [str(line.post) for line in lines(tmp_path, *bad, all_pairs=True)]
    words = ("mentions 0 and 3 as head and tail: tail span", "are the same words", "are more than 64", "id must be")
    assert len(told) == len(bad) and all(word in fault for word, fault in zip(words, told, strict=True)), told
    assert "give --pairs all" in str(lines(tmp_path, row)[0].post)
    assert lines(tmp_path, {**TEXT, "mentions": MENTIONS})[0].id == "posts:1"
