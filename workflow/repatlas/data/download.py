"""Downloads that are whole or absent, by torchvision's own checked download."""

import errno
import http.client
import socket
import time
import urllib.error
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from repatlas.errors import DataError
from repatlas.files import whole_file
from repatlas.locks import sole_writer

ATTEMPTS = 3
PAUSE = 2.0  # seconds before the second attempt, twice that before the third
SILENCE = 60.0  # seconds without a byte after which a connection counts as cut off
WAIT_FOR_OTHERS = 3600.0  # seconds: another job may be fetching the same file


def fetch(path: Path, urls: Sequence[str], md5: str, otherwise: str) -> None:
    """Download one file to `path`, trying each of `urls` up to `ATTEMPTS` times.

    The file appears under its name only when its MD5 is right. A transfer that was cut off is
    dropped and started over. Two jobs never download the same file together: the second waits and
    finds it there.

    Args:
        otherwise: what the user can do where no download is possible.

    Raises:
        DataError: no attempt brought the file.
        ResourceError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with sole_writer(path, patience=WAIT_FOR_OTHERS):
        if not path.exists():
            with whole_file(path) as partial, _silence_ends(SILENCE):
                _fetch(partial, urls, md5, otherwise)


def _fetch(partial: Path, urls: Sequence[str], md5: str, otherwise: str) -> None:
    from torchvision.datasets.utils import download_url

    failures: dict[str, str] = {}
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * attempt)
        for url in urls:
            try:
                download_url(url, partial.parent, partial.name, md5)
                return
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    raise
                failures[url] = _reason(error)
            except RuntimeError:
                # What torchvision raises when the file it saved has another checksum.
                failures[url] = "the file arrived cut off or altered (wrong checksum)"
    listed = "\n".join(f"  {url}: {reason}" for url, reason in failures.items())
    raise DataError(
        f"The download failed {ATTEMPTS} times, each time from the start:\n{listed}\n{otherwise}"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return f"the connection broke ({type(error).__name__}: {error})"


@contextmanager
def _silence_ends(seconds: float) -> Iterator[None]:
    """Within the block, network calls that hear nothing for `seconds` fail instead of hanging.

    torchvision passes no timeout on, so the process-wide default is set for the while.
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
