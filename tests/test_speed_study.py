"""The table of the study of speed: how rows are found, measured, checked, written and shown."""

import importlib
import json
import math
import sys
from pathlib import Path

import pytest

STUDY = Path(__file__).parents[1] / "experiments" / "speed"
RESULTS = STUDY / "results.json"
KEYS = {"name", "ratio", "target", "ours", "stock", "unit", "limit", "value", "peak_memory_mb", "share_of_limit"}
MODULES = ("limits", "measure", "one", "options", "table", "timing")


@pytest.fixture
def study(monkeypatch):
    """Give the study's modules by name, found as its scripts find them, and forget them again."""
    monkeypatch.syspath_prepend(STUDY)
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def row(study, **changes):
    Row = study("timing").Row
    given = {"name": "a", "work": "work", "stock_way": "the usual", "ratio": 2.0, "target": 2.0, "ours": 8.0}
    given |= {"stock": 4.0, "unit": "img/s", "limit": "peak", "value": 16.0, "share_of_limit": 0.5}
    given |= {"peak_memory_mb": {"ours": 1.0, "stock": 2.0}}
    given |= {"growth": {"1": 1.0, "2": 2.0, "4": 4.0, "exponent": 1.0}}
    return Row(**(given | changes))


def result(study, **changes):
    own = {"cores": 2, "threads": 2, "instructions": ["avx2"], "memory_gb": 24, "torch": "2"}
    return {**row(study, **changes)._asdict(), "notes": ["a note"], "hardware": own, "quick": False}


def rows_folder(folder, **files):
    """Write files of rows; each gives the lines that a row's function ends with."""
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def test_sides_take_turns_with_the_same_numbers(study):
    asked = []
    pair = study("timing").paired(lambda n: asked.append(("ours", n)), lambda n: asked.append(("stock", n)), 2, 1)
    first, second = ["ours", "stock"], ["stock", "ours"]
    assert asked == [(side, n) for n, turns in enumerate((first, second, first)) for side in turns]
    assert pair.ratio == pair.stock.seconds / pair.ours.seconds


def test_memory_is_that_of_the_side_which_took_it(study):
    found = study("timing").peaks(len, list, range(10**7))
    assert found["stock"] - found["ours"] > 300


def test_exponent(study):
    sizes = [10, 100, 1000]
    assert study("timing").exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)


def test_a_function_alone_has_memory_of_its_own(study):
    ballast = bytearray(b"x") * (600 * 2**20)
    found = study("timing").alone(math.sqrt, 9.0)
    assert len(ballast)
    assert found.result == 3
    assert found.peak_mb < 600


def test_limits_are_of_this_machine(study, monkeypatch):
    limits = study("limits")
    monkeypatch.setattr(limits, "_SECONDS", 0.02)
    monkeypatch.setattr(limits, "_SIDES", (64, 128))
    assert 0.1 < limits.matmul_gflops("float32") < 1e5
    assert limits.matmul_gflops("float32") == limits.matmul_gflops("float32")
    assert 1 <= limits.cores() <= limits.hardware().cores


def test_emulated_products_are_not_waited_for(study, monkeypatch):
    limits = study("limits")
    asked = []
    monkeypatch.setattr(limits, "_least_seconds", lambda work, _: (work(), 2 * limits._TOO_LONG)[1])
    rate = limits._best_product([lambda side=side: asked.append(side) for side in limits._SIDES])
    assert set(asked) == {limits._SIDES[0]}
    assert rate == limits._SIDES[0] ** 3 / limits._TOO_LONG


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "b"}, "named a"),
        ({"ratio": 3.0}, "does not follow"),
        ({"share_of_limit": 0.9}, "share"),
        ({"ours": math.nan}, "ours must be"),
        ({"peak_memory_mb": {"ours": 1.0}}, "peak_memory_mb"),
        ({"growth": {"1": 1.0, "2": 2.0, "exponent": 1.0}}, "three sizes"),
        ({"growth": {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0}}, "three sizes"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(study, changes, message):
    with pytest.raises(ValueError, match=message):
        study("one").check("a", row(study, **changes))


def test_rows_of_rates_and_of_times_are_accepted(study):
    study("one").check("a", row(study))
    study("one").check("a", row(study, unit="s", ours=4.0, stock=8.0, value=2.0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fast=true"], "expected one of"),
        (["quick"], "expected one of"),
        (["quick=yes"], "true or false"),
        (["threads=0"], "above 0"),
        (["reports=/nowhere"], "no such file"),
    ],
)
def test_options_that_are_refused(study, words, message):
    measure = study("measure")
    with pytest.raises(measure.Refused, match=message):
        measure.Options.of(words)


def test_a_trial_writes_nowhere_unless_told(study):
    of = study("measure").Options.of
    assert of(["quick=true"]).target is None
    assert of(["quick=true", "output=x.json"]).target == Path("x.json")
    assert of(["only=a,b"]).target == RESULTS


def test_rows_are_found_in_the_tables_order_without_importing(study, tmp_path):
    measure = study("measure")
    rows = rows_folder(
        tmp_path / "rows",
        a='raise SystemExit\nROWS = {"zebra": 1, "recall": 2}',
        b='ROWS: dict[str, int] = {"train_step": 3}',
        _c='ROWS = {"hidden": 4}',
    )
    assert list(measure.rows_of(rows).items()) == [("train_step", "b"), ("recall", "a"), ("zebra", "a")]
    (rows / "d.py").write_text('ROWS = {"recall": 5}')
    with pytest.raises(measure.Refused, match=r"a.py and rows/d.py both"):
        measure.rows_of(rows)


def test_what_a_row_needs_is_built_in_a_process_before_it(study, monkeypatch, tmp_path):
    measure = study("measure")
    monkeypatch.setattr(measure, "HERE", tmp_path)
    rows_folder(tmp_path / "rows", built="def prepare(quick): ...", plain="prepare = None")
    (tmp_path / "one.py").write_text(
        "import pathlib, sys\n"
        "pathlib.Path(__file__).with_name('asked').write_text(' '.join(sys.argv[1:]))\n"
        "if sys.argv[3] == 'full': raise ValueError('no default run')\n"
    )
    assert measure.prepared("plain", measure.Options()) is None
    assert not (tmp_path / "asked").exists()
    assert measure.prepared("built", measure.Options(quick=True)) is None
    assert (tmp_path / "asked").read_text() == "built prepare quick"
    assert measure.prepared("built", measure.Options(timeout=1)).startswith("ValueError: no default run")


def test_rows_whose_needs_cannot_be_built_are_not_measured(study, monkeypatch, tmp_path, capsys):
    measure, asked = study("measure"), []
    monkeypatch.setattr(measure, "rows_of", lambda: {"a": "x", "b": "y"})
    monkeypatch.setattr(measure, "prepared", lambda module, _: "no default run" if module == "x" else None)
    monkeypatch.setattr(measure, "measured", lambda name, *_: asked.append(name) or result(study, name=name))
    monkeypatch.setattr(sys, "argv", ["measure.py", f"output={tmp_path / 'results.json'}"])
    assert measure.main() == 1
    assert asked == ["b"]
    assert "a was not measured: no default run" in capsys.readouterr().out


def test_a_row_that_fails_leaves_the_others(study, monkeypatch, tmp_path, capsys):
    measure, target = study("measure"), tmp_path / "results.json"
    monkeypatch.setattr(measure, "rows_of", lambda: {"a": "good", "b": "bad"})
    monkeypatch.setattr(measure, "measured", lambda name, *_: result(study) if name == "a" else "it broke")
    monkeypatch.setattr(sys, "argv", ["measure.py", f"output={target}"])
    assert measure.main() == 1
    assert [one["name"] for one in json.loads(target.read_text())] == ["a"]
    assert "b was not measured: it broke" in capsys.readouterr().out


def test_rows_measured_before_stay_or_are_left_out(study, monkeypatch, tmp_path):
    measure, target, asked = study("measure"), tmp_path / "results.json", []
    monkeypatch.setattr(measure, "rows_of", lambda: {"a": "x", "b": "x"})
    monkeypatch.setattr(measure, "measured", lambda name, *_: asked.append(name) or result(study, name=name))
    for words in (["only=b"], ["resume=true"], ["resume=true"], []):
        monkeypatch.setattr(sys, "argv", ["measure.py", f"output={target}", *words])
        assert measure.main() == 0
        asked.append(None)
    assert asked == ["b", None, "a", None, None, "a", "b", None]
    assert [one["name"] for one in json.loads(target.read_text())] == ["a", "b"]


@pytest.mark.parametrize(("ratio", "reached", "status"), [(2.0, True, 0), (1.9, True, 1), (2.0, False, 1)])
def test_strict_fails_on_a_row_that_falls_short(study, monkeypatch, tmp_path, capsys, ratio, reached, status):
    measure = study("measure")
    short = result(study, ratio=ratio, ours=4 * ratio, share_of_limit=ratio / 4, reached={"also": reached})
    monkeypatch.setattr(measure, "rows_of", lambda: {"a": "x"})
    monkeypatch.setattr(measure, "measured", lambda *_: short)
    for words, expected in (([], 0), (["strict=true"], status)):
        monkeypatch.setattr(sys, "argv", ["measure.py", f"output={tmp_path / 'r.json'}", *words])
        assert measure.main() == expected
    assert ("short" in capsys.readouterr().out) == bool(status)


def test_a_row_has_a_process_and_its_error_is_one_line(study, monkeypatch, tmp_path):
    measure = study("measure")
    (tmp_path / "one.py").write_text(
        "import json, os, pathlib, sys\n"
        "if sys.argv[2] == 'bad': raise ValueError('outputs differ')\n"
        "if sys.argv[2] == 'slow': import time; time.sleep(60)\n"
        "print('noise'); row = [os.environ['OMP_NUM_THREADS'], sys.argv[3]]\n"
        "pathlib.Path(sys.argv[4]).write_text(json.dumps(row))\n"
    )
    monkeypatch.setattr(measure, "HERE", tmp_path)
    options = measure.Options(quick=True, threads=3, timeout=20)
    assert measure.measured("good", "file", options) == ["3", "quick"]
    assert measure.measured("bad", "file", options).startswith("ValueError: outputs differ (status 1;")
    assert "more than 1 s" in measure.measured("slow", "file", measure.Options(timeout=1))


def test_tables_fit_a_terminal(study, capsys):
    table, Console = study("table"), study("rich.console").Console
    rows = [
        result(
            study,
            name="encode_vs_openvino",
            limit="matmul peak, float32",
            peak_memory_mb=dict.fromkeys(("ours", "stock"), 12345.6),
        )
    ]
    table.show(rows, {}, Console(width=80))
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    for figure in ("encode_vs_openvino", "2.00", "12,346", "50%", "n^1.00", "met", "a note"):
        assert figure in said


def test_readme_takes_the_table_between_its_marks(study, tmp_path):
    table, path = study("table"), tmp_path / "README.md"
    path.write_text(f"before\n{table.START}\nold\n{table.END}\nafter\n")
    table.write_readme(path, [result(study)])
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| a | 8 | 4 | img/s | 2.00 | 2 | met |" in text
    assert "old" not in text
    table.write_readme(path, [])
    assert f"{table.START}\n{table.UNMEASURED}\n{table.END}" in path.read_text()
    path.write_text("no marks")
    with pytest.raises(ValueError, match="around its table"):
        table.write_readme(path, [result(study)])


@pytest.mark.skipif(not RESULTS.exists(), reason="the table was not measured yet")
def test_readme_says_what_was_measured(study, tmp_path):
    copy = tmp_path / "README.md"
    copy.write_bytes((STUDY / "README.md").read_bytes())
    rows = json.loads(RESULTS.read_text())
    assert all(set(one) >= KEYS for one in rows)
    study("table").write_readme(copy, rows)
    assert copy.read_bytes() == (STUDY / "README.md").read_bytes(), "run experiments/speed/measure.py readme=true"
