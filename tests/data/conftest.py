"""Data sets made for these tests, stand-ins for torchvision's archives, and a server for them."""

import gzip
import hashlib
import io
import os
import pickle
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from repatlas.data import Dataset, load


@pytest.fixture(scope="session")
def digits_set(digits) -> Dataset:
    """The handwritten digits, read back."""
    return load(digits)


@pytest.fixture(scope="session")
def cifar_root() -> Path:
    """The folder that holds the real cifar-10-batches-py."""
    root = os.environ.get("REPATLAS_DATA")
    if not root or not Path(root, "cifar-10-batches-py").is_dir():
        pytest.skip("needs the real CIFAR-10: set REPATLAS_DATA to the folder that holds it")
    return Path(root)


@pytest.fixture
def small_spec(tmp_path) -> dict:
    """40 grey images of 8 x 8 in two classes (30 and 10), to be split."""
    rng = np.random.default_rng(0)
    path = tmp_path / "small.npz"
    labels = np.array([0, 0, 0, 1] * 10)
    np.savez(path, x=rng.integers(0, 256, (40, 8, 8), dtype=np.uint8), y=labels)
    return {"source": "npz", "path": str(path)}


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


class FakeCifar:
    """Batches of twenty random images, known to torchvision by their real checksums."""

    def __init__(self, monkeypatch, name: str, labels_key: str) -> None:
        from torchvision import datasets

        self.set = getattr(datasets, name)
        self.patch = monkeypatch
        rng = np.random.default_rng(0)
        self.files, self.images, self.labels = {}, [], []
        n_train = len(self.set.train_list)
        for file, _ in [*self.set.train_list, *self.set.test_list]:
            images = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
            labels = (np.arange(20) % 10).tolist()
            self.files[file] = pickle.dumps({"data": images, labels_key: labels})
            self.images.append(images.reshape(-1, 3, 32, 32))
            self.labels.extend(labels)
        self.files[self.set.meta["filename"]] = pickle.dumps({"names": ["x"] * 10})
        *listed, meta = [[file, md5(data)] for file, data in self.files.items()]
        self._set(
            train_list=listed[:n_train],
            test_list=listed[n_train:],
            meta={**self.set.meta, "md5": meta[1]},
        )
        self.pack()

    def _set(self, **values) -> None:
        for name, value in values.items():
            self.patch.setattr(self.set, name, value)

    def pack(self, *more: tarfile.TarInfo, leave_out: str = "", link: str = "") -> None:
        """Make the archive, with further members, and let torchvision expect its checksum."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            # The real archives hold such a file too, before some of the batches.
            tar.addfile(tarfile.TarInfo(f"{self.set.base_folder}/readme.html"))
            for name, data in self.files.items():
                member = tarfile.TarInfo(f"{self.set.base_folder}/{name}")
                if name == leave_out:
                    continue
                if name == link:
                    member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
                    tar.addfile(member)
                else:
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
            for member in more:
                tar.addfile(member, io.BytesIO(b"x" * member.size))
        self.archive = buffer.getvalue()
        self._set(tgz_md5=md5(self.archive))

    def serve(self, server: "Server") -> None:
        server.content[f"/{self.set.filename}"] = self.archive
        self._set(url=f"{server.address}/{self.set.filename}")

    def unpack(self, root: Path) -> Path:
        folder = root / self.set.base_folder
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder


class FakeMnist:
    """The four files of MNIST with twenty training and twelve test images."""

    def __init__(self, monkeypatch) -> None:
        from repatlas.data import vision
        from torchvision import datasets

        self.set = datasets.MNIST
        rng = np.random.default_rng(0)
        self.patch = monkeypatch
        self.arrays = {}
        for half, n in (("train", 20), ("t10k", 12)):
            images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
            self.arrays[f"{half}-images-idx3-ubyte"] = images
            self.arrays[f"{half}-labels-idx1-ubyte"] = np.arange(n, dtype=np.uint8) % 10
        self.plain = {
            name: bytes([0, 0, 8, array.ndim])
            + np.array(array.shape, dtype=">u4").tobytes()
            + array.tobytes()
            for name, array in self.arrays.items()
        }
        self.packed = {
            f"{name}.gz": gzip.compress(data, mtime=0) for name, data in self.plain.items()
        }
        resources = [(name, md5(data)) for name, data in self.packed.items()]
        monkeypatch.setattr(self.set, "resources", resources)
        checksums = {name: md5(data) for name, data in self.plain.items()}
        monkeypatch.setitem(vision.UNPACKED_MD5, "mnist", checksums)

    def serve(self, server: "Server", *mirrors_before: str) -> None:
        for name, data in self.packed.items():
            server.content[f"/mnist/{name}"] = data
        mirrors = [*mirrors_before, f"{server.address}/mnist/"]
        self.patch.setattr(self.set, "mirrors", mirrors)

    def lay(self, root: Path, files: dict[str, bytes]) -> Path:
        folder = root / "MNIST" / "raw"
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        return folder


class Server:
    """Serves `content`; `answers` says how the next requests for a file go, then all go well.

    Answers: "cut" (half the body, then the connection closes), "altered", "hang", or a status code.
    """

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.answers: list[str | int] = []
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(
            target=self.http.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = self.content.get(request.path)
        # Before each download torchvision asks once for redirections, with this header.
        if request.headers.get("Method") == "HEAD":
            request.send_response(200)
            request.end_headers()
            return
        self.asked.append(request.path)
        answer = self.answers.pop(0) if self.answers else "well"
        if body is None or isinstance(answer, int):
            request.send_error(answer if isinstance(answer, int) else 404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if answer == "altered":
            body = body[:-1] + bytes([body[-1] ^ 1])
        if answer in ("cut", "hang"):
            body = body[: len(body) // 2]
        request.wfile.write(body)
        request.wfile.flush()
        if answer == "hang":
            time.sleep(1.5)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def cifar(monkeypatch) -> FakeCifar:
    return FakeCifar(monkeypatch, "CIFAR10", "labels")


@pytest.fixture
def cifar100(monkeypatch) -> FakeCifar:
    return FakeCifar(monkeypatch, "CIFAR100", "fine_labels")


@pytest.fixture
def mnist(monkeypatch) -> FakeMnist:
    return FakeMnist(monkeypatch)


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()
