"""Posts of a file one by one: no label is looked at, and mentions stand for all their pairs or are one fault."""

import json
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dgf.pipeline.faults import RowError
from dgf.pipeline.posts import FoundMention, MentionFinder, PostLine, stream_posts
from support import ENVIRONMENT

TEXT: dict[str, Any] = {"text": "Ann met Bo in Rome", "head": {"span": [0, 3]}, "tail": {"span": [8, 10]}}
MENTIONS = [{"span": [0, 3]}, {"span": [8, 10]}, {"span": [14, 18]}]


def lines(
    tmp_path: Path, *rows: object, all_pairs: bool = False, finder: MentionFinder | None = None
) -> list[PostLine]:
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(stream_posts(file, "posts", all_pairs=all_pairs, finder=finder))


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


def test_mentions_are_found_where_a_line_gives_none(tmp_path: Path) -> None:
    def find(post: str | Sequence[str]) -> list[FoundMention]:
        return [FoundMention(0, 3, "per"), FoundMention(8, 10)] if post == TEXT["text"] else [FoundMention(0, 1)]

    text: dict[str, Any] = {"id": "a", "text": TEXT["text"]}
    given = [{"span": [0, 3], "type": "per"}, {"span": [8, 10]}]
    rows = [text, {**text, "mentions": given}, {**TEXT, "id": "b"}, {"tokens": ["Ann"]}, {**text, "head": given[0]}, {}]
    found = lines(tmp_path, *rows, all_pairs=True, finder=find)
    assert [line.line for line in found] == [1, 1, 2, 2, 3, 4, 5, 6]
    assert [line.post for line in found[:2]] == [line.post for line in found[2:4]]
    head = {"span": [0, 3], "unit": "characters", "type": "per"}
    assert found[0].found == {"head": head, "tail": {"span": [8, 10], "unit": "characters"}}
    assert [line.found for line in found[2:]] == [None] * 6
    assert found[4].id == "b" and found[5].post is None
    assert "tail must be an object" in str(found[6].post) and "text must be a string" in str(found[7].post)


def test_a_line_of_a_live_pipe_is_read_as_it_comes() -> None:
    script = (
        "from pathlib import Path; from dgf.pipeline.posts import stream_posts\n"
        "for line in stream_posts(Path('-'), 'posts'): print(line.id, flush=True)"
    )
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as reader:
        assert reader.stdin is not None and reader.stdout is not None
        for name in (b"a", b"b"):
            reader.stdin.write(json.dumps({**TEXT, "id": name.decode()}).encode() + b"\n")
            reader.stdin.flush()
            there, _, _ = select.select([reader.stdout], [], [], 60)  # a reader that waits for more waits for ever
            assert there and reader.stdout.readline() == name + b"\n"
