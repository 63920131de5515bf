import errno
import os
import pickle
import socket
import tarfile
import threading

import numpy as np
import pytest
from repatlas.data import download, load, prepare
from repatlas.errors import DataError, ResourceError

CIFAR = {"source": "cifar10"}
MNIST = {"source": "mnist"}
ARCHIVE = "cifar-10-python.tar.gz"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0.0)


def assert_is(folder, cifar):
    data = load(folder)
    assert np.array_equal(data.train_images, np.concatenate(cifar.images[:-1]))
    assert np.array_equal(data.test_images, cifar.images[-1])
    assert [*data.train_labels, *data.test_labels] == cifar.labels


def listing(root):
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


class TestDownload:
    @pytest.mark.parametrize("answers", [["cut"], ["altered"], [503], ["cut", "cut"], []])
    def test_a_bad_answer_is_dropped_and_started_over(self, cifar, server, tmp_path, answers):
        cifar.serve(server)
        server.answers = list(answers)
        prepare(CIFAR, tmp_path / "set", download_to=tmp_path / "down")
        assert_is(tmp_path / "set", cifar)
        assert len(server.asked) == len(answers) + 1
        visible = [name for name in os.listdir(tmp_path / "down") if not name.endswith(".lock")]
        assert visible == [ARCHIVE]
        assert (tmp_path / "down" / ARCHIVE).read_bytes() == cifar.archive

    @pytest.mark.parametrize("answer", ["cut", "altered"])
    def test_what_never_arrives_whole_is_never_accepted(self, cifar, server, tmp_path, answer):
        cifar.serve(server)
        server.answers = [answer] * 3
        with pytest.raises(DataError, match="failed 3 times.*\n.*cut off or altered") as caught:
            prepare(CIFAR, tmp_path / "set", download_to=tmp_path / "down")
        assert f"{ARCHIVE} (from {server.address}/{ARCHIVE}) in {tmp_path / 'down'}" in str(
            caught.value
        )
        assert not (tmp_path / "set").exists()
        assert [n for n in os.listdir(tmp_path / "down") if not n.endswith(".lock")] == []
        prepare(CIFAR, tmp_path / "set", download_to=tmp_path / "down")
        assert_is(tmp_path / "set", cifar)

    def test_the_rest_of_a_killed_download_is_not_used(self, cifar, server, tmp_path):
        cifar.serve(server)
        (tmp_path / f".{ARCHIVE}.partial").write_bytes(cifar.archive[:500])
        prepare(CIFAR, tmp_path / "set", download_to=tmp_path)
        assert_is(tmp_path / "set", cifar)
        assert not (tmp_path / f".{ARCHIVE}.partial").exists()

    def test_a_second_start_downloads_nothing(self, cifar, server, tmp_path):
        cifar.serve(server)
        prepare(CIFAR, tmp_path / "a", download_to=tmp_path / "down")
        prepare(CIFAR, tmp_path / "b", download_to=tmp_path / "down")
        assert len(server.asked) == 1
        assert load(tmp_path / "a").checksum == load(tmp_path / "b").checksum

    def test_two_jobs_download_once(self, cifar, server, tmp_path):
        cifar.serve(server)
        threads = [
            threading.Thread(
                target=prepare, args=(CIFAR, tmp_path / name), kwargs={"download_to": tmp_path}
            )
            for name in ("a", "b")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert_is(tmp_path / "a", cifar)
        assert_is(tmp_path / "b", cifar)
        assert len(server.asked) == 1

    def test_no_network(self, cifar, server, tmp_path):
        cifar.serve(server)
        server.close()
        with pytest.raises(DataError, match="no connection") as caught:
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path / "r"], download_to=tmp_path / "down")
        assert f"not found in {tmp_path / 'r'}" in str(caught.value)
        assert "put it there by hand" in str(caught.value)

    def test_a_missing_page(self, cifar, server, tmp_path):
        cifar.serve(server)
        server.content.clear()
        with pytest.raises(DataError, match="the server answered 404"):
            prepare(CIFAR, tmp_path / "set", download_to=tmp_path)

    def test_a_silent_server(self, cifar, server, tmp_path, monkeypatch):
        cifar.serve(server)
        monkeypatch.setattr(download, "SILENCE", 0.1)
        monkeypatch.setattr(download, "ATTEMPTS", 1)
        server.answers = ["hang"]
        with pytest.raises(DataError, match="the connection broke"):
            prepare(CIFAR, tmp_path / "set", download_to=tmp_path)
        assert socket.getdefaulttimeout() is None

    def test_a_full_disk(self, cifar, server, tmp_path, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        cifar.serve(server)
        monkeypatch.setattr("torchvision.datasets.utils.download_url", full)
        with pytest.raises(ResourceError, match="disk is full"):
            prepare(CIFAR, tmp_path / "set", download_to=tmp_path)

    def test_not_allowed(self, cifar, tmp_path):
        with pytest.raises(DataError, match=f"downloading is not allowed.*\n.*{ARCHIVE}"):
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path])


class TestPresentCopy:
    def test_a_folder_is_used_as_it_is(self, cifar, server, tmp_path):
        cifar.serve(server)
        cifar.unpack(tmp_path / "root")
        before = listing(tmp_path / "root")
        prepare(CIFAR, tmp_path / "set", roots=[tmp_path / "none", tmp_path / "root"])
        assert_is(tmp_path / "set", cifar)
        assert listing(tmp_path / "root") == before
        assert server.asked == []

    def test_an_unpacked_copy_where_downloads_go_is_used_too(self, cifar, server, tmp_path):
        cifar.serve(server)
        cifar.unpack(tmp_path / "down")
        prepare(CIFAR, tmp_path / "set", download_to=tmp_path / "down")
        assert_is(tmp_path / "set", cifar)
        assert server.asked == []

    def test_an_archive_is_used_without_unpacking(self, cifar, tmp_path):
        (tmp_path / "root").mkdir()
        (tmp_path / "root" / ARCHIVE).write_bytes(cifar.archive)
        prepare(CIFAR, tmp_path / "set", roots=[tmp_path / "root"])
        assert_is(tmp_path / "set", cifar)
        assert os.listdir(tmp_path / "root") == [ARCHIVE]

    @pytest.mark.parametrize("unpacked", [True, False])
    def test_cifar100_has_its_fine_labels(self, cifar100, tmp_path, unpacked):
        if unpacked:
            cifar100.unpack(tmp_path)
        else:
            (tmp_path / "cifar-100-python.tar.gz").write_bytes(cifar100.archive)
        prepare({"source": "cifar100"}, tmp_path / "set", roots=[tmp_path])
        assert_is(tmp_path / "set", cifar100)
        assert len(load(tmp_path / "set").classes) == 100

    @pytest.mark.parametrize("name", ["data_batch_4", "test_batch", "batches.meta"])
    def test_a_damaged_file_is_named_and_left(self, cifar, server, tmp_path, name):
        cifar.serve(server)
        folder = cifar.unpack(tmp_path / "root")
        data = bytearray(cifar.files[name])
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        before = listing(tmp_path / "root")
        with pytest.raises(DataError, match=f"{name} is damaged"):
            prepare(CIFAR, tmp_path / "set", [tmp_path / "root"], tmp_path / "down")
        assert listing(tmp_path / "root") == before
        assert server.asked == []
        assert not (tmp_path / "set" / "manifest.json").exists()

    def test_a_missing_file_is_named(self, cifar, tmp_path):
        (cifar.unpack(tmp_path / "root") / "data_batch_2").unlink()
        with pytest.raises(DataError, match="data_batch_2 is missing"):
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path / "root"])

    @pytest.mark.parametrize("where", ["roots", "download_to"])
    def test_a_damaged_archive_is_named_and_left(self, cifar, server, tmp_path, where):
        cifar.serve(server)
        (tmp_path / ARCHIVE).write_bytes(cifar.archive[:-1])
        place = {"roots": [tmp_path]} if where == "roots" else {"download_to": tmp_path}
        with pytest.raises(DataError, match=f"{ARCHIVE} is damaged"):
            prepare(CIFAR, tmp_path / "set", **place)
        assert (tmp_path / ARCHIVE).read_bytes() == cifar.archive[:-1]
        assert server.asked == []

    def test_no_pickle_is_opened_before_its_checksum_is_right(self, cifar, tmp_path):
        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "sprung"),)

        folder = cifar.unpack(tmp_path / "root")
        (folder / "data_batch_1").write_bytes(pickle.dumps(Trap()))
        with pytest.raises(DataError, match="data_batch_1 is damaged"):
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path / "root"])
        assert not (tmp_path / "sprung").exists()


class TestArchive:
    """Archives with the right checksum, as if torchvision's own had been made by an enemy."""

    def test_members_outside_their_folder_are_written_nowhere(self, cifar, tmp_path):
        members = []
        for name in ("../escaped", str(tmp_path / "absolute"), "cifar-10-batches-py/../up"):
            members.append(tarfile.TarInfo(name))
            members[-1].size = 3
        cifar.pack(*members)
        (tmp_path / "a" / "root").mkdir(parents=True)
        (tmp_path / "a" / "root" / ARCHIVE).write_bytes(cifar.archive)
        prepare(CIFAR, tmp_path / "a" / "set", roots=[tmp_path / "a" / "root"])
        assert_is(tmp_path / "a" / "set", cifar)
        assert os.listdir(tmp_path) == ["a"]
        assert set(os.listdir(tmp_path / "a")) <= {"root", "set", ".set.lock"}
        assert os.listdir(tmp_path / "a" / "root") == [ARCHIVE]

    @pytest.mark.parametrize("change", [{"leave_out": "data_batch_3"}, {"link": "data_batch_3"}])
    def test_a_member_that_is_missing_or_a_link_outside(self, cifar, tmp_path, change):
        cifar.pack(**change)
        (tmp_path / ARCHIVE).write_bytes(cifar.archive)
        with pytest.raises(DataError, match="data_batch_3 missing in it"):
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path])

    def test_an_altered_member(self, cifar, tmp_path):
        cifar.files["data_batch_3"] = b"other"
        cifar.pack()
        (tmp_path / ARCHIVE).write_bytes(cifar.archive)
        with pytest.raises(DataError, match="data_batch_3 in it is altered"):
            prepare(CIFAR, tmp_path / "set", roots=[tmp_path])


class TestMnist:
    def assert_is(self, folder, mnist):
        data = load(folder)
        images, labels, test_images, test_labels = mnist.arrays.values()
        assert np.array_equal(data.train_images, images[:, None])
        assert np.array_equal(data.test_images, test_images[:, None])
        assert data.train_labels.tolist() == labels.tolist()
        assert data.test_labels.tolist() == test_labels.tolist()

    def test_download_from_the_mirror_that_works(self, mnist, server, tmp_path):
        mnist.serve(server, "http://127.0.0.1:9/")
        server.answers = ["well", "cut"]
        prepare(MNIST, tmp_path / "set", download_to=tmp_path / "down")
        self.assert_is(tmp_path / "set", mnist)
        assert len(server.asked) == 5

    def test_a_download_that_was_interrupted_goes_on(self, mnist, server, tmp_path):
        mnist.serve(server)
        first, *rest = mnist.packed
        mnist.lay(tmp_path, {first: mnist.packed[first]})
        prepare(MNIST, tmp_path / "set", download_to=tmp_path)
        self.assert_is(tmp_path / "set", mnist)
        assert server.asked == [f"/mnist/{name}" for name in rest]

    @pytest.mark.parametrize("kind", ["packed", "plain"])
    def test_a_present_copy_packed_or_not(self, mnist, tmp_path, kind):
        mnist.lay(tmp_path / "root", getattr(mnist, kind))
        before = listing(tmp_path / "root")
        prepare(MNIST, tmp_path / "set", roots=[tmp_path / "root"])
        self.assert_is(tmp_path / "set", mnist)
        assert listing(tmp_path / "root") == before

    def test_unpacked_files_where_downloads_go_are_not_fetched(self, mnist, server, tmp_path):
        mnist.serve(server)
        names = list(mnist.plain)
        mnist.lay(tmp_path, {name: mnist.plain[name] for name in names[:2]})
        prepare(MNIST, tmp_path / "set", download_to=tmp_path)
        self.assert_is(tmp_path / "set", mnist)
        assert server.asked == [f"/mnist/{name}.gz" for name in names[2:]]

    @pytest.mark.parametrize("kind", ["packed", "plain"])
    def test_a_damaged_file_is_named(self, mnist, tmp_path, kind):
        files = dict(getattr(mnist, kind))
        name = list(files)[2]
        files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])
        mnist.lay(tmp_path, files)
        with pytest.raises(DataError, match=f"{name} is damaged"):
            prepare(MNIST, tmp_path / "set", roots=[tmp_path])

    def test_a_missing_file_is_named(self, mnist, tmp_path):
        files = dict(mnist.packed)
        name = list(files)[3]
        del files[name]
        mnist.lay(tmp_path, files)
        with pytest.raises(DataError, match=f"{name} is missing"):
            prepare(MNIST, tmp_path / "set", roots=[tmp_path])

    def test_where_to_put_it_by_hand(self, mnist, tmp_path):
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz.* under MNIST/raw/"):
            prepare(MNIST, tmp_path / "set")
