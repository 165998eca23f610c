"""Files in a bucket: the same promises as a folder's, against a server that speaks S3."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import boto3
import pytest
from moto.server import ThreadedMotoServer

from opsloop_common.errors import Unavailable
from opsloop_common.testing.http import MakeApi, settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.files.service import NoFile, open_bucket
from opsloop_feedback.settings import FeedbackSettings

pytestmark = pytest.mark.slow


@contextmanager
def serving() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"{host}:{port}"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Return the address of a server with the bucket `files`."""
    with serving() as address:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{address}",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret/+",
        )
        client.create_bucket(Bucket="files")
        yield address


def url(address: str, bucket: str = "files/below") -> str:
    return f"http://key:secret%2F%2B@{address}/{bucket}?region=us-east-1"


async def test_a_bucket_keeps_files_whole_and_forgets_them(s3: str) -> None:
    store = open_bucket(url(s3))
    data = bytes(range(256)) * 60_000  # in several parts
    await store.put("acme/one", io.BytesIO(data))
    assert await store.read("acme/one") == data
    assert [piece async for piece in await open_bucket(url(s3, "files")).open("below/acme/one")]

    await store.remove("acme/one", "acme/two")
    await store.remove("acme/one")
    with pytest.raises(NoFile):
        await store.open("acme/one")


async def test_a_bucket_that_is_not_there_is_unavailable(s3: str) -> None:
    with pytest.raises(Unavailable):
        await open_bucket(url(s3, "nobodys")).put("acme/one", b"x")


async def test_a_server_that_is_gone_is_unavailable() -> None:
    with patch("opsloop_feedback.files.service.FILE_STORE_SECONDS", 1.0), pytest.raises(Unavailable):
        await open_bucket(url("127.0.0.1:9")).put("acme/one", b"x")


async def test_uploads_and_links_go_by_the_bucket(api: MakeApi, s3: str) -> None:
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, attachments_bucket=url(s3)))
    headers = await door.key()
    made = await door.client.post("/v1/attachments", content=b"in a bucket", headers=headers)
    shown = await door.client.get(f"/v1/attachments/{made.json()['id']}", headers=headers)
    got = await door.client.get(f"/v1/attachments/{shown.json()['link']}")

    assert got.content == b"in a bucket"
    assert await open_bucket(url(s3)).read(f"acme/{made.json()['id']}") == b"in a bucket"
