"""Whole files, their checksums, and one writer at a time."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import numpy as np
import pytest
from repatlas import locks
from repatlas.errors import ResourceError, StoreError
from repatlas.files import checked_file, checksum_path, sha256_file, verified, whole_file
from repatlas.locks import sole_writer


def test_a_file_whose_writing_failed_is_the_old_one(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with suppress(KeyError), whole_file(path) as partial:
        partial.write_text("ne")
        raise KeyError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError(errno.EFBIG, "File too large"),
        OSError("100000 requested and 12784 written"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
    ],
    ids=str,
)
def test_every_way_in_which_a_write_is_cut_off_is_named(tmp_path, error):
    with pytest.raises(ResourceError, match="disk is full"), whole_file(tmp_path / "a"):
        raise error
    assert not os.listdir(tmp_path)


def test_a_checked_file_is_verified_as_sha256sum_does(tmp_path):
    path = tmp_path / "a.npy"
    with checked_file(path) as partial, open(partial, "wb") as handle:
        np.save(handle, np.arange(9))
    assert verified(path) == path
    assert checksum_path(path).read_text() == f"{sha256_file(path)}  a.npy\n"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="a.npy is damaged"):
        verified(path)
    checksum_path(path).unlink()
    with pytest.raises(StoreError, match="no checksum"):
        verified(path)
    with pytest.raises(StoreError, match="missing"):
        verified(tmp_path / "b")


HOLD = textwrap.dedent(
    """
    import sys, time
    from repatlas.locks import sole_writer
    with sole_writer(sys.argv[1]):
        print("held", flush=True)
        time.sleep(600)
    """
)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock on `tmp_path / "x"`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "x")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_job_waits_for_the_one_that_writes_the_same(tmp_path, holder):
    with (
        pytest.raises(StoreError, match="still writing"),
        sole_writer(tmp_path / "x", patience=0.5),
    ):
        pass
    with sole_writer(tmp_path / "x", "other"), sole_writer(tmp_path / "y"):
        pass
    began = time.monotonic()
    holder.send_signal(signal.SIGKILL)
    with sole_writer(tmp_path / "x"):
        assert time.monotonic() - began < 30


def test_an_orphan_does_not_wait(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(locks, "orphaned", lambda: True)
    with pytest.raises(StoreError, match="has ended"), sole_writer(tmp_path / "x"):
        pass


def test_an_orphan_knows_that_it_is_one(tmp_path):
    """A shell starts a job and is killed, as the driver of a workflow."""
    job = (
        "import time\nfrom repatlas.locks import orphaned\nprint(orphaned(), flush=True)\n"
        "while not orphaned(): time.sleep(.05)\nprint('alone', flush=True)"
    )
    command = ["bash", "-c", f'{sys.executable} -c "$1"; true', "bash", job]
    shell = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert shell.stdout.readline() == "False\n"
    shell.kill()
    assert shell.stdout.readline() == "alone\n"
    shell.wait()


def test_a_lock_leaves_no_file_and_holds_against_those_who_saw_it(tmp_path):
    """Many processes, each adding to a file that only one may touch at a time."""
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from repatlas import locks
        locks.PAUSE = 0.001
        path = Path(sys.argv[1])
        for _ in range(40):
            with locks.sole_writer(path):
                number = int(path.read_text())
                time.sleep(0.0005)
                path.write_text(str(number + 1))
        """
    )
    path = tmp_path / "count"
    path.write_text("0")
    jobs = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(4)]
    assert [job.wait() for job in jobs] == [0] * 4
    assert path.read_text() == "160"
    assert os.listdir(tmp_path) == ["count"]
