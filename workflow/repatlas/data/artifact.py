"""Making a data set's artifact: images, labels and orders as .npy, then the manifest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from repatlas.data.catalogue import open_content
from repatlas.data.content import Part, Shape
from repatlas.data.dataset import MANIFEST
from repatlas.data.order import stratified_order
from repatlas.data.record import write_record
from repatlas.errors import DataError
from repatlas.files import sha256_file, whole_file
from repatlas.locks import sole_writer
from repatlas.naming import canonical


def prepare(
    spec: Mapping[str, Any],
    folder: str | Path,
    roots: Sequence[str | Path] = (),
    download_to: str | Path | None = None,
) -> None:
    """Make the data set `spec` in `folder`; the manifest is written last.

    The same images give the same bytes: no time, host or path goes into any file. Images pass
    through in blocks, so that memory does not grow with a user's own data set.

    Args:
        roots: folders that may hold a copy of a torchvision data set.
        download_to: where such a data set is downloaded to; None forbids downloads.

    Raises:
        ConfigError: the spec names no known source or lacks a setting.
        DataError: the data are missing, damaged or unusable.
        ResourceError: the disk is full.
        StoreError: another process is writing the same folder.
    """
    folder = Path(folder)
    with sole_writer(folder):
        content = open_content(
            spec,
            [Path(root).expanduser() for root in roots],
            Path(download_to).expanduser() if download_to is not None else None,
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        files, counts = {}, {}
        for name, part in (("train", content.train), ("test", content.test)):
            order = stratified_order(part.labels, name)
            paths = {
                "images": folder / f"{name}_images.npy",
                "labels": folder / f"{name}_labels.npy",
                "order": folder / f"{name}_order.npy",
            }
            _write_images(paths["images"], part, content.shape)
            _write_array(paths["labels"], part.labels)
            _write_array(paths["order"], order)
            for path in paths.values():
                files[path.name] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
            counts[name] = np.bincount(part.labels, minlength=len(content.classes)).tolist()
        manifest = {
            "spec": canonical({k: v for k, v in spec.items() if k != "path"}),
            "shape": list(content.shape),
            "classes": list(content.classes),
            "n_train": len(content.train.labels),
            "n_test": len(content.test.labels),
            "class_counts": counts,
            "files": files,
        }
        write_record(folder / MANIFEST, manifest)


def _write_array(path: Path, array: np.ndarray) -> None:
    with whole_file(path) as partial, open(partial, "wb") as handle:
        np.lib.format.write_array(handle, np.ascontiguousarray(array, dtype="<i8"))


def _write_images(path: Path, part: Part, shape: Shape) -> None:
    """Write a part's images as one uint8 array (N, C, H, W), block after block.

    Plain writes and no memory map: on a full disk a map ends the process without a word.
    """
    expected = len(part.labels)
    header = {"descr": "|u1", "fortran_order": False, "shape": (expected, *shape)}
    written = 0
    with whole_file(path) as partial, open(partial, "wb") as handle:
        np.lib.format.write_array_header_1_0(handle, header)
        for block in part.blocks():
            if block.shape[1:] != shape:
                raise DataError(f"{path}: images of shape {block.shape[1:]}, expected {shape}.")
            handle.write(np.ascontiguousarray(block, dtype=np.uint8).data)
            written += len(block)
        if written != expected:
            raise DataError(
                f"{path}: {written} images for {expected} labels. The data changed while they were "
                "read, or are incomplete: start again once they are at rest."
            )
