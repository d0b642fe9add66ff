"""An S3 of this machine, moto's, in a thread: the real client talks to it over HTTP."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

BUCKET = "bucket"


@contextmanager
def serve_s3() -> Iterator[Mapping[str, str]]:
    """Run it with one bucket while the context lasts; yields the variables by which clients find it.

    The test is skipped where moto or s3fs is not installed.
    """
    reason = "an S3 server of one's own: pip install s3fs 'moto[s3,server]'"
    pytest.importorskip("s3fs", reason=reason)
    server_class = pytest.importorskip("moto.server", reason=reason).ThreadedMotoServer
    server = server_class(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "anyone",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        import s3fs

        s3fs.S3FileSystem(
            key="anyone", secret="anything", client_kwargs={"endpoint_url": found["AWS_ENDPOINT_URL"]}
        ).mkdir(BUCKET)
        yield found
    finally:
        server.stop()
