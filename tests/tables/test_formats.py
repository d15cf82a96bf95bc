import json
import re

import pytest

from medxpert.errors import ConfigError
from medxpert.tables.blocks import Block, Row, Shown, Tables, percent
from medxpert.tables.formats import escaped, write_tables

CELL = {"value": 0.345678, "low": 0.3, "high": 0.4}
BLOCKS = (
    Block(
        "image → text · identity",
        "1,196 queries & more, 5 % | x_1",
        ("R@1", "R@5"),
        (
            Row("chance", (percent({"value": 0.1}), Shown("–"))),  # noqa: RUF001
            Row("adapted", (percent(CELL), percent({"value": float("nan"), "low": 0.0, "high": 1.0})), "main"),
            Row("gain_1", (percent({"value": 0.1, "low": -0.1, "high": 0.2}, signed=True), Shown("")), "gain"),
            Row("gain_2", (Shown("1"), Shown("2")), "gain"),
        ),
    ),
)


@pytest.fixture
def written(tmp_path):
    paths = write_tables(tmp_path / "tables", "test", Tables("test · 12 studies", ("A note.",), BLOCKS), "credentialed")
    assert [path.name for path in paths] == ["test.md", "test.tex", "test.json"]
    assert sorted(paths) == sorted((tmp_path / "tables").iterdir())
    return {path.suffix: path.read_text("utf-8") for path in paths}


def test_policy_and_notice_stand_in_each(written):
    for text in written.values():
        assert "Policy: credentialed. Research use only, not for diagnosis." in text
        assert "A note." in text


def test_markdown(written):
    lines = written[".md"].splitlines()
    assert lines[0] == "# test · 12 studies"
    assert "## image → text · identity" in lines
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "|  | R@1 | R@5 |"
    assert table[1] == "| --- | ---: | ---: |"
    assert table[3].startswith("| **adapted** | **34.6 (30.0–40.0)** |")  # noqa: RUF001
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {4}


def test_latex_is_balanced_and_escaped(written):
    text = written[".tex"]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert body.count("\\begin{") == body.count("\\end{") == 2
    plain = re.sub(r"\\[{}]", "", body)
    assert plain.count("{") == plain.count("}")
    assert body.isascii()
    assert not re.search(r"(?<!\\)[%_#]", body)
    assert body.count("$") % 2 == 0
    table = body.split("\\toprule\n")[1].split("\\bottomrule")[0].splitlines()
    rows = [line for line in table if line != "\\midrule"]
    assert all(line.endswith(r" \\") for line in rows)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {2}
    assert table.count("\\midrule") == 2
    assert table.index("\\midrule", 2) == table.index(next(line for line in table if line.startswith("gain"))) - 1
    assert r"\textbf{34.6 {\scriptsize 30.0--40.0}}" in body
    assert r"\caption{image $\rightarrow$ text $\cdot$ identity: 1,196 queries \& more, 5 \% $|$ x\_1.}" in body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % of a_b", r"50 \% of a\_b"),
        ("{#$&}", r"\{\#\$\&\}"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("K ≥ 5 → 1 · 2", r"K $\geq$ 5 $\rightarrow$ 1 $\cdot$ 2"),
        ("[1] *", "{[}1] {*}"),
    ],
)
def test_escaped(text, expected):
    assert escaped(text) == expected


def test_json_holds_unrounded_shares(written):
    found = json.loads(written[".json"])
    assert found["policy"] == "credentialed"
    rows = found["tables"][0]["rows"]
    assert rows[1]["cells"][0] == {"value": "34.6", "interval": "30.0–40.0", "share": CELL}  # noqa: RUF001
    assert rows[1]["cells"][1]["share"]["value"] is None
    assert rows[1]["kind"] == "main"
    assert "share" not in rows[3]["cells"][0]


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(ConfigError, match="cannot write"):
        write_tables(tmp_path / "tables", "test", Tables("heading", (), BLOCKS), "open")
