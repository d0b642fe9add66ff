"""Word vectors from files as people have them, damaged ones too, and the tokenizer that has a token a word."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dgf.pipeline.errors import UserError
from dgf.pipeline.posts import Mention, Post
from dgf.workflows.data import PostEncoder, words_of_file, words_of_sentences
from dgf.workflows.data.word_files import read_word_vectors
from dgf.workflows.training.language_models import open_language_model

WORDS = ("the", "Cat", "naïve", "x\xa0y")
VECTORS = ((1.0, 2.5), (-0.5, 1e-3), (0.0, 3.0), (4.0, -4.0))
LINES = "".join(f"{word} {a} {b}\n" for word, (a, b) in zip(WORDS, VECTORS, strict=True))
BINARY = b"4 2\n" + b"".join(w.encode() + b" " + struct.pack("<2f", *v) for w, v in zip(WORDS, VECTORS, strict=True))


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.replace("\n", " \n").encode(),
        b"4 2\n" + LINES.encode(),
        LINES.replace(" ", "\t").encode(),
        BINARY,
        BINARY.replace(b"4 2\n", b"4 2\r\n").replace(struct.pack("<2f", 1, 2.5), struct.pack("<2f", 1, 2.5) + b"\n"),
    ],
    ids=["glove", "spaces at ends", "word2vec text", "tabs", "word2vec binary", "binary with line ends"],
)
def test_every_kind_of_file_is_read_alike(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "vectors"
    file.write_bytes(content)
    words, vectors = read_word_vectors(file)
    assert words == list(WORDS)
    torch.testing.assert_close(torch.from_numpy(vectors), torch.tensor(VECTORS))


def test_words_with_a_space_are_left_out_and_count(tmp_path: Path) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("3 2\na 1 2\nat a@b 3 4\nb 5 6\n")
    words, vectors = read_word_vectors(file)
    assert words == ["a", "b"] and vectors.tolist() == [[1, 2], [5, 6]]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a 1 2\nb 1\n", r"vectors:2: 1 numbers follow a word, where 2 do elsewhere"),
        (b"a 1 2\nb 1 2 3\n", r"vectors:2: 3 numbers follow a word, where 2 do elsewhere"),
        (b"a 1 2\nb 1 two\n", r"vectors:2: 'two' is not a number"),
        (b"a 1 2\nb 1 nan\n", r"vectors:2: a number is not finite"),
        (b"a 1 2\nb 1 1e39\n", r"vectors:2: a number is not finite"),
        (b"a 1 2\n b 1 2\n", r"vectors:2: begins with a space"),
        (b"a 1 2\nb\xff 1 2\n", r"vectors:2: not UTF-8"),
        (b"a\n", r"0 numbers follow its first word"),
        (b"3 2\na 1 2\nb 1 2\n", r"promises 3 words, and 2 follow"),
        (b"0 2\n", "holds no word"),
        (b"", "holds no word"),
        (b"9 99999\na 1\n", "99999 numbers follow"),
        (b"999999999 300\na 1\n", "too many"),
        (b"999999999 300\na \x00\x01", "too many"),
        (BINARY[:-3], "cut short"),
        (BINARY.replace(struct.pack("<f", 2.5), struct.pack("<f", float("inf"))), "word 1 of 4 has a number that"),
        (b"4 2\n" + b"\x00" * 80, "word 1 of 4 is cut short or damaged"),
        (b"1 1\n" + b"\x01" * 9000 + b" \x00\x00\x00\x00", "word 1 of 1 is cut short or damaged"),
        (b"PK\x03\x04 1 2\n", "a ZIP archive"),
        (b"<!DOCTYPE html><html>", "an HTML page"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_vectors_is_told_by_line_or_word(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "vectors"
    file.write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_word_vectors(file)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing cannot be read: No such file"):
        open_language_model(f"words:{tmp_path / 'nothing'}")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        open_language_model(f"words:{tmp_path}")
    with pytest.raises(UserError, match="here are none"):
        open_language_model("words")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_vectors_or_a_users_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "vectors"
    for whole in (content, b"2 2\n" + content, b"a 1 2\n" + content):
        file.write_bytes(whole)
        try:
            words, vectors = read_word_vectors(file)
        except UserError:
            continue
        assert len(words) == len(vectors) > 0


def test_words_are_lower_cased_and_the_first_of_several_counts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "vectors.txt"
    file.write_text("the 1 2\nCat 3 4\nTHE 5 6\ncat 7 8\n")
    made = words_of_file("words:vectors.txt", file, seed=0)
    assert "2 words stand there more than once" in caplog.text
    assert (made.kind, made.width, made.vocab_size, made.spec) == ("words", 2, 3, "words:vectors.txt")
    assert made.embeddings[:2].tolist() == [[1, 2], [3, 4]]
    assert made.tokenizer("The CAT dog")["input_ids"] == [0, 1, 2]


def test_training_sentences_give_each_of_their_words_a_vector() -> None:
    sentences = [("A", "b", "a"), ("c", "B", "a")]
    made, same, other = (words_of_sentences("words", sentences, seed) for seed in (0, 0, 1))
    assert made.tokenizer.get_vocab() == {"a": 0, "b": 1, "c": 2, "[UNK]": 3}
    assert torch.equal(made.embeddings, same.embeddings) and made.embeddings[:3].ne(other.embeddings[:3]).all()
    many = words_of_sentences("words", [[str(i) for i in range(2000)]], 0).embeddings
    assert many.square().sum(1).mean().item() == pytest.approx(1, abs=0.05)
    assert len(set(map(tuple, made.embeddings.tolist()))) == 4


posts_words = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" "), min_size=1, max_size=5), min_size=2
)


@settings(max_examples=60, deadline=None)
@given(posts_words)
def test_a_word_of_a_post_is_one_token(words: Sequence[str]) -> None:
    post = Post("p", tuple(words), Mention(words[0], 0, 1), Mention(words[-1], len(words) - 1, len(words)))
    [encoded] = PostEncoder(words_of_sentences("words", [words[:1], ("[UNK]",)], 0).tokenizer).encode([post])
    assert len(encoded.tokens) == len(words)
    assert (encoded.head, encoded.tail) == ((0, 1), (len(words) - 1, len(words)))
    assert encoded.tokens[0] != encoded.tokens[-1] or encoded.tokens[0] < 2
