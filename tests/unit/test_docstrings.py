"""Every public module, class, function and method of the package says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "workflow" / "repatlas"
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


def undocumented(tree: ast.Module) -> Iterator[str]:
    """Names of what is public in a module, a class within a class included, and has no docstring.

    What starts with an underscore is private, and what stands inside a function is local. Methods
    of a protocol whose class says what they are, and the other overloads of a function, need none.
    """
    if not ast.get_docstring(tree):
        yield "the module"
    waiting: list[tuple[str, ast.stmt]] = [("", node) for node in tree.body]
    while waiting:
        within, node = waiting.pop()
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        name = within + node.name
        if not ast.get_docstring(node) and not _is_declaration(node):
            yield name
        if isinstance(node, ast.ClassDef):
            waiting += [(f"{name}.", inner) for inner in node.body]


def _is_declaration(node: ast.ClassDef | ast.FunctionDef) -> bool:
    """Whether it is a function whose body is `...`."""
    body = node.body[-1]
    ellipsis = isinstance(body, ast.Expr) and getattr(body.value, "value", None) is ...
    return isinstance(node, ast.FunctionDef) and ellipsis


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_documented(module):
    lacking = list(undocumented(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))))
    assert not lacking, f"{module}: no docstring for {', '.join(lacking)}"


def test_what_lacks_a_docstring_is_found():
    source = "class A:\n    def b(self): return 1\n    def _c(self): return 1\ndef d(): ..."
    assert set(undocumented(ast.parse(source))) == {"the module", "A", "A.b"}
