"""The code digest: what is read from the sources is what Python imports, and only code counts."""

import json
import subprocess
import sys

import pytest
from repatlas import code
from repatlas.cli import COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_project_module_that_a_command_imports_is_in_its_closure(command):
    entry = f"repatlas.cli.{command}"
    script = (
        f"import sys, json, {entry}\n"
        "print(json.dumps([m for m in sys.modules if m.startswith('repatlas')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    imported = set(json.loads(done.stdout)) - code.DOORS
    assert imported <= code.closure(entry)


def test_rules_depend_on_what_they_use_and_no_more():
    train, similarity = (code.closure(f"repatlas.cli.{c}") for c in ("train", "similarity"))
    assert "repatlas.training.loop" in train
    assert not any(m.startswith(("repatlas.similarity", "repatlas.figures")) for m in train)
    assert not any(m.startswith(("repatlas.training", "repatlas.models")) for m in similarity)
    assert not any(m.startswith("repatlas.study") for m in train | similarity)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the same name in a folder of its own, for editing."""
    root = tmp_path / "repatlas"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "a.py").write_text(
        '"""Doc."""\nfrom repatlas import b\n\n\ndef f():\n    return b.g()\n'
    )
    (root / "b.py").write_text("def g():\n    # why\n    return 1\n")
    (root / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(code, "ROOT", root)

    def digest():
        for cached in (code._imports, code._tree, code.syntax):
            cached.cache_clear()
        return code.code_digest("repatlas.a")

    yield root, digest
    for cached in (code._imports, code._tree, code.syntax):
        cached.cache_clear()


def edit(root, name, old, new):
    path = root / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "changes"),
    [
        ("a.py", "Doc.", "Another text.", False),
        ("b.py", "# why", "# because", False),
        ("b.py", "    return 1", "    '''Doc.'''\n\n    return 1", False),
        ("b.py", "return 1", "return 2", True),
        ("a.py", "b.g()", "b.g() + 1", True),
        ("c.py", "x = 1", "x = 2", False),
    ],
)
def test_only_a_change_of_used_code_counts(package, name, old, new, changes):
    root, digest = package
    before = digest()
    edit(root, name, old, new)
    assert (digest() != before) is changes


def test_an_import_inside_a_function_counts(package):
    root, digest = package
    edit(root, "b.py", "return 1", "from repatlas.c import x\n\n    return x")
    before = digest()
    edit(root, "c.py", "x = 1", "x = 2")
    assert digest() != before


def test_an_unknown_module_is_an_error():
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        code.code_digest("repatlas.nothing")
