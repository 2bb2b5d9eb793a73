"""Documents in a bucket of an S3 compatible store.

A module of its own, because the client's memory (4 MB) is worth sparing where documents lie in a folder.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from shared.documents.blobs import BlobNotFound, BlobsUnavailable, checked_key
from shared.kernel.refusals import invariant

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class S3Settings:
    """Where the bucket is. Plain http is taken for loopback only.

    Raises: Bug for an endpoint that is neither.
    """

    endpoint: str
    bucket: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"
    timeout: timedelta = timedelta(seconds=20)
    retries_max: int = 2

    def __post_init__(self) -> None:
        target = urlsplit(self.endpoint)
        plain_loopback = target.scheme == "http" and target.hostname in _LOOPBACK
        invariant(target.scheme == "https" or plain_loopback, "S3 is spoken over https, or http on loopback")


class S3Blobs:
    """Objects in one bucket of an S3 compatible store."""

    def __init__(self, settings: S3Settings) -> None:
        self._store = S3Store(
            settings.bucket,
            endpoint=settings.endpoint,
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
            region=settings.region,
            virtual_hosted_style_request=False,
            client_options={
                "allow_http": urlsplit(settings.endpoint).scheme == "http",
                "timeout": settings.timeout,
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={"max_retries": settings.retries_max, "retry_timeout": settings.timeout},
        )

    async def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises: BlobsUnavailable, BlobKeyMalformed."""
        try:
            await obstore.put_async(self._store, checked_key(key), data)
        except (BaseError, OSError) as error:
            raise BlobsUnavailable from error

    async def get(self, key: str) -> bytes:
        """The object. Raises: BlobNotFound, BlobsUnavailable, BlobKeyMalformed."""
        try:
            result = await obstore.get_async(self._store, checked_key(key))
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobNotFound from error
        except (BaseError, OSError) as error:
            raise BlobsUnavailable from error

    async def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no fault. Raises: BlobsUnavailable, BlobKeyMalformed."""
        try:
            await obstore.delete_async(self._store, checked_key(key))
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as error:
            raise BlobsUnavailable from error

    async def exists(self, key: str) -> bool:
        """Whether the object is there. Raises: BlobsUnavailable, BlobKeyMalformed."""
        try:
            await obstore.head_async(self._store, checked_key(key))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise BlobsUnavailable from error
        return True
