"""How fast is MedXpert, against the stock way of doing the same?

$ python experiments/speed/measure.py                        # every row: 17 to 25 minutes on 2 idle cores
$ python experiments/speed/measure.py only=recall,jpeg_decode  # some rows; the others of results.json stay
$ python experiments/speed/measure.py quick=true             # a trial on tiny sizes, which writes nothing

Options:
    only=ROW,ROW     measure these and keep the others of the file
    resume=true      leave out the rows that the file has
    quick=true       tiny sizes, whose figures mean nothing; writes only where output= says
    output=FILE      where the rows go, by default experiments/speed/results.json, after each row
    threads=N        of both sides, by default the physical cores
    timeout=SECONDS  after which a row is given up, by default 600
    strict=true      end with status 1 where a row falls short; without it only where one could not be measured
    readme=true      measure nothing, put the table of the file into README.md
    reports=FILE     Open-i's archive NLMCXR_reports.tgz, whose reports encode_text reads in place of drawn texts

What rows need beforehand (galleries, runs) is built first where it is missing, without their time limit.
"""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any

from limits import cores
from options import RESULTS, Options, Refused
from rich.console import Console
from table import met, show, write_readme

HERE = Path(__file__).resolve().parent
ORDER = (
    "train_step",
    "train_step_cached",
    "encode_image",
    "encode_text",
    "encode_vs_openvino",
    "cold_start",
    "jpeg_decode",
    "search_exact",
    "search_ann",
    "recall",
)
"""Of the table; rows that are not named here follow."""
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def rows_of(folder: Path = HERE / "rows") -> dict[str, str]:
    """Return row -> the file that measures it, in the order of the table; no file is imported.

    Raises:
        Refused: two files measure one row, or one names none.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("[!_]*.py")):
        names = list(_names(path))
        for name in names:
            if name in found:
                raise Refused(f"rows/{found[name]}.py and rows/{path.stem}.py both measure {name}; rename one")
            found[name] = path.stem
    places = {name: place for place, name in enumerate(ORDER)}
    return dict(sorted(found.items(), key=lambda pair: places.get(pair[0], len(places))))


def _names(path: Path) -> Iterator[str]:
    """Yield the keys of the dictionary ROWS that a file writes out."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == "ROWS" for one in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.Dict):
                yield from (key.value for key in value.keys if isinstance(key, ast.Constant))


def measured(name: str, module: str, options: Options) -> dict[str, Any] | str:
    """Measure one row in a process of its own, and return it, or the line that says why it failed."""
    with tempfile.TemporaryDirectory() as folder:
        target, log = Path(folder) / "row.json", Path(folder) / "log"
        size = "quick" if options.quick else "full"
        command = [sys.executable, str(HERE / "one.py"), module, name, size, str(target)]
        with log.open("w") as file:
            status = _finished(command, file, _environment(options), options.timeout)
        if status is None:
            return f"it took more than {options.timeout} s; give timeout= more"
        if status == 0 and target.is_file():
            row: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
            return row
        return _reason(log.read_text(errors="replace"), status)


def prepared(module: str, options: Options) -> str | None:
    """Build what a file's rows need where its `prepare` does so, without a limit; return why that failed."""
    path = HERE / "rows" / f"{module}.py"
    tree = ast.parse(path.read_text(encoding="utf-8") if path.is_file() else "")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "prepare" for node in tree.body):
        return None
    command = [sys.executable, str(HERE / "one.py"), module, "prepare", "quick" if options.quick else "full"]
    with tempfile.TemporaryFile("w+") as log:
        status = _finished(command, log, _environment(options), None)
        log.seek(0)
        return _reason(log.read(), status or 0) if status else None


def _environment(options: Options) -> dict[str, str]:
    given = {"MEDXPERT_SPEED_REPORTS": str(Path(options.reports).resolve())} if options.reports else {}
    return {**os.environ, **dict.fromkeys(_THREADS, str(options.threads or cores())), **given}


def _finished(command: Sequence[str], log: IO[str], environment: Mapping[str, str], timeout: int | None) -> int | None:
    """Run a command and return its status, None where it took too long; nothing that it started outlives it."""
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _reason(log: str, status: int) -> str:
    if os.environ.get("MEDXPERT_DEBUG") == "1":
        return log
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} (status {status}; MEDXPERT_DEBUG=1 shows more)"


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file that `write` wrote, none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def write(path: Path, rows: Mapping[str, Mapping[str, Any]], order: Sequence[str]) -> None:
    """Replace the file at once by rows in the table's order; those of files that are gone are left out."""
    part = path.with_name(f".{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps([rows[name] for name in order if name in rows], indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def chosen(rows: Mapping[str, str], had: Mapping[str, Any], options: Options) -> list[str]:
    """Return the names of the rows to measure.

    Raises:
        Refused: a row asked for does not exist.
    """
    unknown = [name for name in options.only if name not in rows]
    if unknown:
        raise Refused(f"only={','.join(unknown)}: expected some of {', '.join(rows)}")
    names = [name for name in rows if not options.only or name in options.only]
    return [name for name in names if not (options.resume and name in had)]


def run(options: Options, console: Console) -> int:
    """Measure, print and write; return the exit status."""
    rows, target = rows_of(), options.target
    had = {row["name"]: row for row in read(target)} if target else {}
    names = chosen(rows, had, options)
    results = had if options.only or options.resume else {}
    failed: dict[str, str] = {}
    for module in dict.fromkeys(rows[name] for name in names):
        with console.status(f"building what rows/{module}.py needs, once"):
            reason = prepared(module, options)
        failed |= {name: reason for name in names if reason and rows[name] == module}
    for name in failed:
        results.pop(name, None)
    names = [name for name in names if name not in failed]
    for number, name in enumerate(names, 1):
        began = monotonic()
        with console.status(f"{name} ({number} of {len(names)})"):
            found = measured(name, rows[name], options)
        if isinstance(found, str):
            failed[name] = found
            results.pop(name, None)
        else:
            results[name] = found
        if target:
            write(target, results, list(rows))
        said = found if isinstance(found, str) else f"{found['ratio']:.2f} of {found['target']:g}"
        console.print(f"{name}: {said}, {monotonic() - began:.0f} s", markup=False)
    shown = [results[name] for name in rows if name in results]
    show(shown, failed, console)
    if target:
        console.print(f"written to {target}", markup=False, style="dim")
    return int(bool(failed) or (options.strict and not all(map(met, shown))))


def main() -> int:
    """Do what the command line says."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(f"{__doc__}\n")
        return 0
    console = Console(highlight=False, soft_wrap=False)
    try:
        options = Options.of(sys.argv[1:])
        if options.readme:
            write_readme(HERE / "README.md", read(options.target or RESULTS))
            return 0
        return run(options, console)
    except Refused as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
