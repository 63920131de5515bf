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
import psutil
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


# The numbers of a job and of the process above it, and at each line read whether it is orphaned.
ASKED = textwrap.dedent(
    """
    import os, sys
    from repatlas.locks import orphaned
    print(os.getppid(), os.getpid(), flush=True)
    for line in sys.stdin:
        print(orphaned(), flush=True)
    """
)


@pytest.mark.parametrize(
    ("names", "outermost", "expected"),
    [
        (["snakemake"], True, True),
        (["login", "snakemake"], True, False),
        (["login", "snakemake"], False, True),
        (["snakemake", "snakemake"], True, True),
        (["login"], True, False),
    ],
    ids=["workflow", "shell above", "below a shell", "started itself again", "by hand"],
)
def test_a_job_is_orphaned_when_its_workflow_ends(tmp_path, names, outermost, expected):
    """Scripts stand in for the processes above a job, the outermost first: that one is killed, or
    the one just above the job."""
    command = [sys.executable, "-c", ASKED]
    for name in reversed(names):
        script = tmp_path / name
        script.write_text("import subprocess, sys\nsubprocess.run(sys.argv[1:])\n")
        command = [sys.executable, str(script), *command]
    outer = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    parent, job = map(int, outer.stdout.readline().split())
    try:
        assert asked(outer) is False
        killed = psutil.Process(outer.pid if outermost else parent)
        killed.kill()
        killed.wait(30)
        assert asked(outer) is expected
    finally:
        for process in (parent, job):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        outer.wait()


def asked(process) -> bool:
    process.stdin.write("\n")
    return process.stdout.readline() == "True\n"


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
