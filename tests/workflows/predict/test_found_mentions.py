"""Mentions that a post does not give are found, and answered as given ones would be."""

import json
from typing import Any

import pytest

import dgf as api
from support.command import dgf
from support.seen_world import SeenWorld

TEXT = "Ada's friend met (Bo Lee) in Rome."
FOUND = [[0, 3], [18, 24], [29, 33]]
LAST_DIGIT = 2e-6


def rows_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_what_is_found_is_answered_as_if_it_had_been_given(world: SeenWorld) -> None:
    posts: list[dict[str, Any]] = [
        {"id": "text", "text": TEXT},
        {"id": "words", "tokens": ["Ada", "met", "Bo"]},
        {"id": "none", "text": "nobody came"},
        {"id": "given", "text": TEXT, "mentions": [{"span": span} for span in FOUND]},
    ]
    lines = "".join(json.dumps(post) + "\n" for post in posts).encode()
    done = dgf("predict", world.run, "-", "--device", "cpu", "--mentions", "rules", "--top", "99", stdin=lines)
    rows = rows_of(done.out)
    assert done.code == 0 and "1 more have fewer than two mentions, and no answer" in done.err, done.said
    assert [row["id"].partition("#")[0] for row in rows] == ["text"] * 6 + ["words"] * 2 + ["given"] * 6
    for found, given in zip(rows[:6], rows[8:], strict=True):
        spans = found.pop("found")
        assert [spans[of]["span"] for of in ("head", "tail")] in [[a, b] for a in FOUND for b in FOUND if a != b]
        assert spans["head"]["unit"] == "characters" and "found" not in given
        assert found.pop("probability") == pytest.approx(given.pop("probability"), abs=LAST_DIGIT)
        assert (found["head"], found["tail"], found["relation"]) == (given["head"], given["tail"], given["relation"])
    assert rows[0]["head"] == "Ada" and rows[0]["tail"] == "Bo Lee"
    assert rows[6]["found"] == {"head": {"span": [0, 1], "unit": "words"}, "tail": {"span": [2, 3], "unit": "words"}}

    model = api.load(world.run, device="cpu")
    answers = list(model.predict_many(posts, mentions="rules"))
    assert answers == [api.Answer.of_row(row) for row in rows_of(done.out)] and answers[6].found == rows[6]["found"]
    words = ["Ada", "Bo Lee", "Rome"]
    by_words = list(model.predict_many([{"id": "given", "text": TEXT, "mentions": words}], pairs="all"))
    assert [(one.id, one.relation) for one in by_words] == [(one.id, one.relation) for one in answers[8:]]


def test_a_function_of_ones_own_is_given_what_the_post_has(world: SeenWorld) -> None:
    seen: list[Any] = []

    def find(post: Any) -> list[tuple[int, int, str]]:
        seen.append(post)
        return [(0, 3, "per"), (8, 10, "per")] if isinstance(post, str) else [(0, 1, "per"), (2, 3, "per")]

    model = api.load(world.run, device="cpu")
    posts: list[Any] = [{"text": "Ada met Bo"}, {"tokens": ["Ada", "met", "Bo"]}, {"text": "Ada met Bo", "head": "Ada"}]
    *answers, fault = model.predict_many(posts, mentions=find, on_error="return")
    assert seen == ["Ada met Bo", ("Ada", "met", "Bo")] and len(answers) == 4
    assert isinstance(answers[0], api.Answer) and answers[0].found is not None
    assert answers[0].found["head"] == {"span": [0, 3], "unit": "characters", "type": "per"}
    assert isinstance(fault, api.Unanswered) and "tail must be a span" in fault.error
    with pytest.raises(api.UserError, match=r"gave \[0, 99\) of a post of 10 characters"):
        next(model.predict_many(posts, mentions=lambda post: [(0, 99)]))
    with pytest.raises(api.UserError, match='give pairs="all"'):
        next(model.predict_many([{"text": "Ada met Bo", "mentions": ["Ada", "Bo"]}]))
    for wrong in ({"mentions": "rule"}, {"pairs": "some"}):
        with pytest.raises(api.UserError, match=next(iter(wrong))):
            model.predict_many(posts, **wrong)  # type: ignore[call-overload]


def test_what_cannot_be_found_is_told(world: SeenWorld) -> None:
    many = {"id": "many", "text": " and ".join(f"Ada{number}" for number in range(65))}
    lines = "".join(json.dumps(post) + "\n" for post in (many, {"id": "ok", "text": TEXT})).encode()
    done = dgf("predict", world.run, "-", "--device", "cpu", "--mentions", "rules", stdin=lines)
    assert done.code == 3 and "65 mentions are more than 64" in rows_of(done.out)[0]["error"]
    none = dgf("predict", world.run, "-", "--device", "cpu", "--mentions", "rules", stdin=b'{"text": "nobody"}\n')
    assert none.code == 0 and none.out == "" and "0 posts" in none.err and "1 more have fewer" in none.err
    for words, why in (
        ((world.posts, "--mentions", "rules"), "--mentions rules goes with one JSONL file"),
        (("-", "--mentions", "rule"), "no such way to find mentions"),
    ):
        refused = dgf("predict", world.run, *words, "--device", "cpu", stdin=lines)
        assert refused.code == 1 and why in refused.err, refused.said
