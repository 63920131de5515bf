import os

import numpy as np
import pytest
from PIL import Image
from repatlas.data import describe, fingerprint, load, prepare
from repatlas.errors import ConfigError, DataError


def save(path, colour, mode="RGB", size=(8, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def pool(tmp_path):
    """Ten cats and five dogs of 8 x 8, each of its own grey."""
    root = tmp_path / "pets"
    for i in range(10):
        save(root / "cat" / f"{i}.png", (i, i, i))
    for i in range(5):
        save(root / "dog" / f"{i}.PNG", (100 + i,) * 3)
    return root


def spec_of(root, **more):
    return {"source": "folder", "path": str(root), "size": 8, "channels": 1, **more}


def test_classes_and_numbers_come_from_the_listing(pool):
    found = describe(spec_of(pool))
    assert found.classes == ("cat", "dog")
    assert (found.n_train, found.n_test) == (12, 3)
    assert found.shape == (1, 8, 8)
    assert describe(spec_of(pool, size=[4, 6], channels=3)).shape == (3, 4, 6)
    assert describe(spec_of(pool, test_fraction=0.5)).n_test == 8


def test_no_image_is_opened_to_describe(pool):
    for path in pool.rglob("*.png"):
        path.write_bytes(b"")
    assert describe(spec_of(pool)).n_train == 12


def test_images_arrive_with_their_labels(pool, tmp_path):
    prepare(spec_of(pool), tmp_path / "set")
    data = load(tmp_path / "set")
    values = np.concatenate([data.train_images, data.test_images])[:, 0, 0, 0]
    labels = np.concatenate([data.train_labels, data.test_labels])
    assert sorted(values) == [*range(10), *range(100, 105)]
    assert (labels == (values >= 100)).all()
    assert np.bincount(data.test_labels).tolist() == [2, 1]
    assert data.classes == ("cat", "dog")
    assert data.spec == {"source": "folder", "size": 8, "channels": 1}


def test_the_split_is_drawn_by_its_seed_alone(pool, tmp_path):
    chosen = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1), ("d", 2)):
        prepare(spec_of(pool, split_seed=seed), tmp_path / name)
        chosen.append(load(tmp_path / name).test_images.tobytes())
    assert chosen[0] == chosen[1]
    assert len(set(chosen)) > 1


def test_the_default_split_seed_is_zero(pool, tmp_path):
    prepare(spec_of(pool), tmp_path / "a")
    prepare(spec_of(pool, split_seed=0), tmp_path / "b")
    assert np.array_equal(load(tmp_path / "a").test_images, load(tmp_path / "b").test_images)


def test_what_is_no_image_is_left_alone(pool):
    (pool / "cat" / "notes.txt").write_text("x")
    (pool / "cat" / "._0.png").write_text("macOS")
    (pool / "cat" / ".ipynb_checkpoints").mkdir()
    (pool / ".cache").mkdir()
    (pool / "readme.md").write_text("x")
    assert describe(spec_of(pool)).n_train == 12


def test_given_halves_are_used(tmp_path):
    root = tmp_path / "split"
    for name, n in (("a", 4), ("b", 3)):
        for i in range(n):
            save(root / "train" / name / f"{i}.png", i, "L")
    save(root / "test" / "b" / "only.png", 200, "L")
    save(root / "val" / "a" / "ignored.png", 0, "L")
    found = describe(spec_of(root))
    assert (found.classes, found.n_train, found.n_test) == (("a", "b"), 7, 1)
    prepare(spec_of(root, test_fraction=0.9), tmp_path / "set")
    data = load(tmp_path / "set")
    assert data.train_images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 0, 1, 2]
    assert data.train_labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert data.test_labels.tolist() == [1]
    assert data.test_images[0, 0, 0, 0] == 200


def test_classes_may_be_called_train_and_test(tmp_path):
    root = tmp_path / "vehicles"
    for name in ("train", "test"):
        for i in range(3):
            save(root / name / f"{i}.png", i, "L")
    found = describe(spec_of(root))
    assert (found.classes, found.n_train, found.n_test) == (("test", "train"), 4, 2)


def test_more_images_than_one_block(tmp_path):
    for i in range(150):
        save(tmp_path / "many" / str(i % 2) / f"{i:03d}.png", i, "L")
    prepare(spec_of(tmp_path / "many"), tmp_path / "set")
    data = load(tmp_path / "set")
    values = np.concatenate([data.train_images, data.test_images])[:, 0, 0, 0]
    assert sorted(values) == list(range(150))
    assert (np.concatenate([data.train_labels, data.test_labels]) == values % 2).all()


class TestFingerprint:
    def test_touching_and_moving_change_nothing(self, pool, tmp_path):
        before = fingerprint(spec_of(pool))
        os.utime(pool / "cat" / "0.png", (0, 0))
        assert fingerprint(spec_of(pool)) == before
        pool.rename(tmp_path / "moved")
        assert fingerprint(spec_of(tmp_path / "moved")) == before
        assert before["images"] == 15

    def test_adding_removing_renaming_growing_are_noticed(self, pool):
        seen = [fingerprint(spec_of(pool))]
        save(pool / "cat" / "new.png", (0, 0, 0))
        seen.append(fingerprint(spec_of(pool)))
        (pool / "cat" / "new.png").unlink()
        assert fingerprint(spec_of(pool)) == seen[0]
        (pool / "cat" / "0.png").rename(pool / "cat" / "zero.png")
        seen.append(fingerprint(spec_of(pool)))
        with open(pool / "cat" / "1.png", "ab") as handle:
            handle.write(b"x")
        seen.append(fingerprint(spec_of(pool)))
        (pool / "cat" / "2.png").rename(pool / "dog" / "2x.png")
        seen.append(fingerprint(spec_of(pool)))
        assert len({entry["listing"] for entry in seen}) == 5

    def test_the_test_half_counts_too(self, tmp_path):
        for half in ("train", "test"):
            for name in ("a", "b"):
                for i in range(2):
                    save(tmp_path / "s" / half / name / f"{i}.png", i, "L")
        before = fingerprint(spec_of(tmp_path / "s"))
        save(tmp_path / "s" / "test" / "a" / "2.png", 2, "L")
        assert fingerprint(spec_of(tmp_path / "s"))["images"] == before["images"] + 1


class TestFaults:
    def test_a_missing_folder(self, tmp_path):
        for function in (describe, fingerprint):
            with pytest.raises(DataError, match=r"absent does not exist.*start at"):
                function(spec_of(tmp_path / "absent"))

    def test_a_file_for_a_folder(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DataError, match="is not a folder"):
            describe(spec_of(tmp_path / "file"))

    @pytest.mark.parametrize("spec", [{}, {"path": ""}, {"path": None}])
    def test_no_path(self, spec):
        with pytest.raises(ConfigError, match="needs `path`"):
            describe({"source": "folder", "size": 8, **spec})

    @pytest.mark.parametrize("size", [None, 0, [8], [8, 0], "8", [8, 8, 8], 8.0])
    def test_size(self, pool, size):
        with pytest.raises(ConfigError, match="size: found"):
            describe(spec_of(pool, size=size))

    def test_channels(self, pool):
        with pytest.raises(ConfigError, match="channels: found 2"):
            describe(spec_of(pool, channels=2))

    @pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
    def test_test_fraction(self, pool, fraction):
        with pytest.raises(ConfigError, match="test_fraction: found"):
            describe(spec_of(pool, test_fraction=fraction))

    def test_no_classes(self, tmp_path):
        save(tmp_path / "flat" / "0.png", 0, "L")
        with pytest.raises(DataError, match="no classes"):
            describe(spec_of(tmp_path / "flat"))

    def test_one_class(self, tmp_path):
        for i in range(3):
            save(tmp_path / "one" / "cat" / f"{i}.png", i, "L")
        with pytest.raises(DataError, match="only the class 'cat'"):
            describe(spec_of(tmp_path / "one"))

    def test_a_class_with_one_image_or_none(self, pool):
        save(pool / "emu" / "0.png", (0, 0, 0))
        (pool / "fox").mkdir()
        with pytest.raises(DataError, match=r"'emu' \(1 image\), 'fox' \(0 images\)"):
            describe(spec_of(pool))

    def test_one_training_image_in_a_given_half(self, tmp_path):
        for half, n in (("train", 1), ("test", 3)):
            for name in ("a", "b"):
                for i in range(n):
                    save(tmp_path / "s" / half / name / f"{i}.png", i, "L")
        with pytest.raises(DataError, match=r"train: too few images in 'a' \(1 image\)"):
            describe(spec_of(tmp_path / "s"))

    def test_test_classes_unknown_in_training(self, tmp_path):
        for half, names in (("train", "ab"), ("test", "abc")):
            for name in names:
                for i in range(2):
                    save(tmp_path / "s" / half / name / f"{i}.png", i, "L")
        with pytest.raises(DataError, match="has not: c"):
            describe(spec_of(tmp_path / "s"))

    def test_an_empty_test_half(self, tmp_path):
        for name in ("a", "b"):
            (tmp_path / "s" / "test" / name).mkdir(parents=True)
            for i in range(2):
                save(tmp_path / "s" / "train" / name / f"{i}.png", i, "L")
        with pytest.raises(DataError, match="test holds no images"):
            describe(spec_of(tmp_path / "s"))

    def test_halves_under_other_names_are_not_taken_for_classes(self, tmp_path):
        for half in ("train", "val"):
            for name in ("a", "b"):
                for i in range(2):
                    save(tmp_path / "s" / half / name / f"{i}.png", i, "L")
        with pytest.raises(DataError, match="taken for a class, but holds the folder 'a'"):
            describe(spec_of(tmp_path / "s"))

    @pytest.mark.parametrize("content", [b"", b"no image", None])
    def test_an_unreadable_image_is_named(self, pool, tmp_path, content):
        path = pool / "dog" / "3.PNG"
        path.write_bytes(path.read_bytes()[:-30] if content is None else content)
        with pytest.raises(DataError, match=r"dog/3\.PNG cannot be read as an image"):
            prepare(spec_of(pool), tmp_path / "set")
        assert not (tmp_path / "set" / "manifest.json").exists()

    def test_a_broken_link_is_named(self, pool, tmp_path):
        (pool / "dog" / "link.png").symlink_to(tmp_path / "gone.png")
        with pytest.raises(DataError, match=r"link\.png cannot be read"):
            prepare(spec_of(pool), tmp_path / "set")
        with pytest.raises(DataError, match=r"link\.png cannot be read"):
            fingerprint(spec_of(pool))


def test_odd_class_names_write_nothing_outside(tmp_path):
    root = tmp_path / "odd"
    names = ("b\\..\\c", "d e", "~", "é\n")
    for name in names:
        for i in range(2):
            save(root / name / f"{i}.png", i, "L")
    prepare(spec_of(root), tmp_path / "out" / "set")
    assert load(tmp_path / "out" / "set").classes == names
    assert set(os.listdir(tmp_path / "out")) <= {".set.lock", "set"}
    assert len(os.listdir(tmp_path / "out" / "set")) == 7
