from pathlib import Path

import pytest

from dgf.pipeline.errors import UserError
from dgf.pipeline.storage.address import Address, is_address, parse_location, whole_location


@pytest.mark.parametrize(
    "text", ["s3://bucket/mnre", "gs://b", "simplecache::s3://b/x", "file:///tmp/x", "HTTPS://h/x"]
)
def test_what_has_a_protocol_is_an_address(text: str) -> None:
    assert parse_location(f"{text}/") == Address(text)
    assert whole_location(Address(text)) == text


@pytest.mark.parametrize(
    "text", ["hub:owner/name", "hf:gpt2", "C:\\data", "C:/data", "a/b", "a//b", "s3:/x", "1://x", "-"]
)
def test_a_name_with_a_colon_is_a_path(text: str) -> None:
    assert not is_address(text)
    assert parse_location(text) == Path(text)


@pytest.mark.parametrize("text", ["s3://", "s3:///", "file://", "simplecache::s3://"])
def test_an_address_of_nothing_is_told(text: str) -> None:
    with pytest.raises(UserError, match="an address with nothing behind ://"):
        parse_location(text)


def test_parts_of_an_address() -> None:
    address = Address("S3://bucket/data/mnre")
    assert (address.protocol, address.name, str(address.parent)) == ("s3", "mnre", "S3://bucket/data")
    assert str(address / "train.txt") == "S3://bucket/data/mnre/train.txt"
