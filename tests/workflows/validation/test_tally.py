"""What `dgf validate` counts while posts pass by is what one counts who holds them all; its memory does not grow."""

import json
import subprocess
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dgf.pipeline.posts import Post, read_dataset
from dgf.workflows.validation.distinct import DistinctValues, join_parts
from dgf.workflows.validation.run import validate
from dgf.workflows.validation.settings import ValidateSettings

TOKENS = (["a", "b"], ["a", "b", "c"], ["ab"] * 2, ["a" * 40, "b"])
ROW_OF_ITS_OWN = {"tokens": ["q", "r"], "head": {"span": [0, 1]}, "tail": {"span": [1, 2]}, "relation": "None"}
ROW = st.fixed_dictionaries(
    {
        "tokens": st.sampled_from(TOKENS),
        "head": st.sampled_from([{"span": [0, 1]}, {"span": [0, 2]}, {"box": [0, 0, 0.5, 1]}]),
        "tail": st.sampled_from([{"span": [1, 2]}, {"box": [0, 0, 0.5, 1]}, {"box": [0, 0, 1, 1]}]),
        "image": st.sampled_from(["there.png", "gone.png", "lost.png"]),
    },
    optional={"relation": st.sampled_from(["None", "x", "y"]), "split": st.sampled_from(["train", "dev", "mine"])},
)


def _pair(post: Post) -> tuple[Any, ...]:
    return (post.tokens, post.head, post.tail)


@settings(max_examples=40, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12))
def test_counts_are_those_of_all_posts_at_once(tmp_path_factory: Any, rows: list[dict[str, Any]]) -> None:
    root = tmp_path_factory.mktemp("tally")
    Image.new("RGB", (2, 2)).save(root / "there.png")
    rows.append({**ROW_OF_ITS_OWN, "split": "mine"})  # which is never at fault
    (root / "posts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = validate(ValidateSettings(root / "posts.jsonl"))
    dataset = read_dataset(root / "posts.jsonl", on_error="skip")
    assert list(found.splits) == list(dataset.splits) and found.faults == dataset.faults
    texts = {split: {post.tokens for post in posts} for split, posts in dataset.splits.items()}
    shared = [(one, other, len(texts[one] & texts[other])) for one, other in combinations(texts, 2)]
    assert found.shared_sentences == tuple(entry for entry in shared if entry[2])
    for split, posts in dataset.splits.items():
        facts, labels = found.splits[split], defaultdict(set)
        for post in posts:
            labels[_pair(post)].add(post.relation)
        assert (facts.rows, facts.sentences) == (len(posts), len(texts[split]))
        assert facts.disagreeing == sum(len(names) > 1 for names in labels.values())
        assert facts.images == len({post.image_ids for post in posts if post.image_ids})
        assert facts.images_found == ("there.png" in {name for post in posts for name in post.image_ids})
    shown: dict[str, list[str]] = defaultdict(list)
    for post in dataset.posts:
        for name in post.image_ids:
            if name != "there.png":
                shown[name].append(post.id)
    assert [(photo.image_id, list(photo.posts)) for photo in found.bad_photos] == list(shown.items())


def test_joined_values_stay_apart() -> None:
    assert len({join_parts(parts) for parts in (("a", "b"), ("ab",), ("a", "", "b"), ("1:a", "b"), ("a1:b",))}) == 5


def test_values_are_counted_by_their_set() -> None:
    values = DistinctValues()
    assert [values.add("id", value) for value in ("a", "b", "a", "a" * 99, "a" * 99)] == [
        True,
        True,
        False,
        True,
        False,
    ]
    assert values.has("id", "a" * 99) and not values.has("id", "c") and not values.has("other", "a")
    for name, value, other in (("s", "x", "1"), ("s", "x", "2"), ("s", "y", "1"), ("s", "y", "1"), ("t", "y", "1")):
        values.put(name, value, other)
    assert (values.count("s"), values.count("t"), values.count("u")) == (2, 1, 0)
    assert values.count_ambiguous("s") == 1 and values.count_common("s", "t") == 1


MEASURE = """
import resource, sys
from pathlib import Path
from dgf.workflows.validation.run import validate
from dgf.workflows.validation.settings import ValidateSettings
found = validate(ValidateSettings(Path(sys.argv[1])))
print(sum(facts.rows for facts in found.splits.values()), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    peaks = []
    for count in (3_000, 12_000):
        with (tmp_path / f"{count}.jsonl").open("w") as file:
            for number in range(count):
                row = {**ROW_OF_ITS_OWN, "tokens": ["q", "r", f"word{number}"], "image": "a.png"}
                file.write(json.dumps(row) + "\n")
        command = [sys.executable, "-c", MEASURE, str(tmp_path / f"{count}.jsonl")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows, peak = map(int, done.stdout.split())
        assert rows == count
        peaks.append(peak)
    assert peaks[1] <= 1.05 * peaks[0], peaks
