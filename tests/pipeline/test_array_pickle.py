"""Files that ask a reader of pickles for more than arrays."""

import copyreg
import pickle
import resource
import struct
from pathlib import Path

import numpy as np
import pytest

from dgf.pipeline.array_pickle import read_arrays
from dgf.pipeline.errors import UserError
from dgf.pipeline.weights import read_weights


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
ARRAY = RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R"
FLOAT = b"cnumpy\ndtype\n" + text("f4") + b"K\x00K\x01\x87R"
FLAGS = text("__call__") + b"K\x01"

HOSTILE = {
    "a name of os": b"cos\nmkdir\n" + text("owned") + b"\x85R.",
    "a name of numpy": b"cnumpy\nload\n" + text("owned") + b"\x85R.",
    "a name within a name": text("numpy") + text("dtype.__class__") + b"\x93.",
    "a name of builtins": text("builtins") + text("getattr") + b"\x93.",
    "calling text": text("mkdir") + text("owned") + b"\x85R.",
    "calling an array": ARRAY + b")R.",
    "the state of a name": RECONSTRUCT + b"}" + FLAGS + b"sb.",
    "the slots of a name": RECONSTRUCT + b"N}" + FLAGS + b"s\x86b.",
    "the state of a dictionary": b"}}" + FLAGS + b"sb.",
    "the attributes of an array": ARRAY + b"}" + FLAGS + b"sb.",
    "an instance": RECONSTRUCT + b")\x81.",
    "an instance with keywords": RECONSTRUCT + b")}\x92.",
    "an instance of old": b"(ios\nmkdir\n.",
    "an object of old": b"(" + RECONSTRUCT + b"o.",
    "an identity": b"P1\n.",
    "an identity from the stack": b"K\x01Q.",
    "an extension": b"\x82\x07.",
    "a large extension": b"\x84\x07\x00\x00\x00.",
    "a buffer from elsewhere": b"\x97.",
    "objects": b"cnumpy\ndtype\n" + text("O8") + b"K\x00K\x01\x87R.",
    "a structure": b"cnumpy\ndtype\n" + text("V8") + b"K\x00K\x01\x87R.",
    "more numbers than bytes": ARRAY + b"(K\x01J\xff\xff\xff\x7f\x85" + FLOAT + b"\x89C\x04abcdtb.",
    "a number for the bytes of an array": ARRAY + b"(K\x01K\x01\x85" + FLOAT + b"\x89J\x00\x00\x00\x40tb.",
    "numbers as bytes": b"cnumpy.core.multiarray\nscalar\n" + FLOAT + b"J\x00\x00\x00\x40\x86R.",
    "bytes that are not there": b"\x8e" + struct.pack("<Q", 1 << 34) + b".",
    "an array of bytes that is not there": b"\x96" + struct.pack("<Q", 1 << 34) + b".",
    "a memo that was never written": b"}h\x07.",
    "a dictionary that holds itself": b"}q\x00" + text("a") + b"h\x00s.",
    "many arrays of the same bytes": b"}"
    + text("bytes")
    + b"B"
    + struct.pack("<I", 1_000_000)
    + bytes(1_000_000)
    + b"q\x00s"
    + b"".join(text(str(n)) + ARRAY + b"(K\x01J\x90\xd0\x03\x00\x85" + FLOAT + b"\x89h\x00tbs" for n in range(100))
    + b".",
    "a tuple too deep to hash": b"})" + b"\x85" * 1_000_000 + b"K\x01s.",
}


@pytest.fixture
def extension() -> object:
    copyreg.add_extension("os", "mkdir", 7)
    yield
    copyreg.remove_extension("os", "mkdir", 7)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_not_data_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extension: object, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "model.pkl"
    file.write_bytes(b"\x80\x04" + content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"model\.pkl cannot be read as weights"):
        read_weights(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB
    assert [path.name for path in tmp_path.iterdir()] == ["model.pkl"]


def test_a_far_memo_costs_nothing_and_a_refused_file_changes_no_later_one(tmp_path: Path) -> None:
    file = tmp_path / "model.pkl"
    file.write_bytes(b"\x80\x02}r" + struct.pack("<I", 1 << 31) + b".")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_arrays(file) == {}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KB
    double = b"".join(
        b"}q%c" % n + (text("a") + b"h%cs" % (n - 1) + text("b") + b"h%cs" % (n - 1)) for n in range(1, 41)
    )
    file.write_bytes(b"\x80\x02}q\x00" + double + b".")  # a dictionary of two of two of two ...
    content = read_arrays(file)
    for _ in range(40):
        assert content["a"] is content["b"]
        content = content["a"]
    for content in HOSTILE.values():
        file.write_bytes(b"\x80\x04" + content)
        with pytest.raises(UserError, match=r"model\.pkl cannot be read as weights"):
            read_weights(file)
    file.write_bytes(pickle.dumps({"model": {"a": np.arange(4.0), "n": np.float32(3)}}))
    np.testing.assert_array_equal(read_arrays(file)["model"]["a"], np.arange(4.0))
    assert read_arrays(file)["model"]["n"] == 3
