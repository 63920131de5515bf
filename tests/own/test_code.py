"""The digest of the user's own code: what counts is what it runs, and nothing else."""

import pytest
from repatlas.code import syntax
from repatlas.own_code import own_digest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A file that imports another one and a package beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text("from helper import f\nfrom package.part import g\n")
    (tmp_path / "helper.py").write_text("def f():\n    return 1\n")
    (tmp_path / "unused.py").write_text("x = 1\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/part.py").write_text("from . import other\ng = other.h\n")
    (tmp_path / "package/other.py").write_text("h = 1\n")
    return tmp_path


def digest(name="net.py:Net"):
    syntax.cache_clear()
    return own_digest(name)


@pytest.mark.parametrize("file", ["net.py", "helper.py", "package/part.py", "package/other.py"])
def test_an_edit_of_what_it_imports_counts(folder, file):
    before = digest()
    path = folder / file
    path.write_text(path.read_text() + "more = 2\n")
    assert digest() != before


@pytest.mark.parametrize("file", ["net.py", "helper.py", "package/other.py"])
def test_a_comment_counts_for_nothing(folder, file):
    before = digest()
    path = folder / file
    path.write_text(f'"""A docstring."""\n# why\n{path.read_text()}')
    assert digest() == before


def test_a_file_that_is_not_imported_counts_for_nothing(folder):
    before = digest()
    (folder / "unused.py").write_text("x = 2\n")
    assert digest() == before


def test_what_a_file_imports_from_the_working_folder_counts(folder):
    """Python finds it there, beside what lies in the file's own folder."""
    (folder / "code").mkdir()
    (folder / "code/net.py").write_text("from helper import f\nfrom near import g\n")
    (folder / "code/near.py").write_text("from package.part import g\n")
    seen = {digest("code/net.py:Net")}
    for file in ("helper.py", "code/near.py", "package/other.py"):
        path = folder / file
        path.write_text(path.read_text() + "more = 2\n")
        seen.add(digest("code/net.py:Net"))
    assert len(seen) == 4


def test_a_module_in_the_working_folder_is_tracked_as_a_file_is(folder):
    before = digest("package.part:g")
    (folder / "package/other.py").write_text("h = 2\n")
    assert digest("package.part:g") != before


def test_a_folder_without_init_is_a_package_too(folder):
    (folder / "package/__init__.py").unlink()
    before = digest("package.part:g")
    (folder / "package/other.py").write_text("h = 2\n")
    assert digest("package.part:g") != before


def test_installed_packages_count_by_their_name():
    assert digest("torchvision.models:resnet18") == digest("torchvision.models:resnet18")
    assert digest("torchvision.models:resnet18") != digest("torchvision.models:resnet34")


def test_code_that_cannot_be_read_has_a_digest_too(folder):
    (folder / "net.py").write_text("def (:\n")
    assert digest() != digest("nowhere.py:Net")
