"""Rules of the house that a machine can hold; the import contracts stand in pyproject.toml."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "medxpert").rglob("*.py"))
SCRIPTS = [ROOT / name for name in ("train.py", "evaluate.py", "infer.py")]
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_SCRIPT_LINES = 250, 50, 40


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def length(function: ast.FunctionDef) -> int:
    docstring = ast.get_docstring(function, clean=False) or ""
    return (function.end_lineno or 0) - function.lineno + 1 - docstring.count("\n") - bool(docstring)


@pytest.mark.parametrize("path", PACKAGE + SCRIPTS, ids=names)
def test_file(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert length(node) <= MAX_FUNCTION_LINES, node.name
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: an assert vanishes under -O; raise an error"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"


@pytest.mark.parametrize("path", [path for path in PACKAGE if path.name == "__init__.py"], ids=names)
def test_init_is_empty(path):
    assert path.read_text() == ""


@pytest.mark.parametrize("path", SCRIPTS, ids=names)
def test_script_is_thin(path):
    assert path.read_text().count("\n") <= MAX_SCRIPT_LINES
    top = [node.module for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert set(top) <= {"omegaconf", "medxpert.config.command", "medxpert.config.settings"}


def test_every_test_folder_mirrors_a_package_or_bears_a_marker(pytestconfig):
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    packages = {path.parent.relative_to(ROOT / "medxpert") for path in PACKAGE}
    markers = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert {folder for folder in folders if folder.name not in markers} <= packages
