"""Check the tests by mutation: put small faults into webapp/, one after the other, and count those the tests find.

`python -m tools.mutants` works in copies of the checkout. A fault meets the tests of its module first, then those of
its room, which is its folder in webapp/, then all others; tests marked `slow` are left out. The first failure ends it,
and must pass without the fault. A fault that is missed takes as long as `make test`.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, chain, count, pairwise
from pathlib import Path
from random import Random

import psutil

ROOT = Path(__file__).parent.parent
WANTED = 0.9  # of the faults are found, or the exit status is 1
LIMIT_SECONDS = 900  # for one run of pytest; a fault that takes longer counts as found
# Of the other rooms' tests, those that take longest come last.
LATER = (["tests/cli", "tests/http", "tests/live", "tests/ops", "tests/pages"], ["tests/browser", "tests/whole"])
MEMORY = Path("/dev/shm")  # noqa: S108 (only its folder is made there)
JOB_BYTES = 1e9  # of files that the tests of one job make
LEFT_OUT = re.compile(r"webapp/((db/)?migrations/.*|broadcaster|reload|start)\.py")  # the last three only start another
PAIRS = (("==", "!="), ("<", "<="), (">", ">="), ("is", "is not"), ("in", "not in"), ("and", "or"))
TURNED = {old: new for pair in PAIRS for old, new in (pair, pair[::-1])}
OPERATOR = r"is not\b|not in\b|\b(is|in|and|or)\b|[=!<>]=|[<>]"
ALL = r"(?s).+"
# Numbers and calls of which a test sees little: a second more, one more kept in memory.
TUNING_NAMES = re.compile(r".*_(SECONDS|MS|BYTES)|__version__")
TUNING_CALLS = re.compile(r"(.*\.)?(sleep|setsockopt|lru_cache)|(.*\.)?(log|logger|logging)\.\w+")


class BrokenAnyway(Exception):
    """A test fails without a fault too."""


Place = tuple[int, int]  # line from 1, bytes of that line from 0: as ast counts
Change = tuple[Place, Place, str, Callable[[str], str]]  # from, to, a pattern for what is replaced there, and how


@dataclass(frozen=True)
class Fault:
    """file: its path from the root. start, end: bytes of the source that `code` replaces; `old` is what was there."""

    file: str
    line: int
    start: int
    end: int
    old: str
    code: str

    def put_into(self, source: bytes) -> bytes:
        """Raises ValueError for another source than it was found in, SyntaxError if it makes no Python."""
        if source[self.start : self.end] != self.old.encode():
            raise ValueError(f"{self.file} was changed meanwhile")
        changed = source[: self.start] + self.code.encode() + source[self.end :]
        compile(changed, self.file, "exec")
        return changed

    def __str__(self) -> str:
        old, code = (shortened(text) for text in (self.old, self.code))
        return f"{self.file}:{self.line}  {old} became {code}"


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def begin(node: ast.expr | ast.stmt) -> Place:
    return node.lineno, node.col_offset


def end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or 0, node.end_col_offset or 0


def changes(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(left=left, comparators=others):
            yield from turned([left, *others])
        case ast.BoolOp(values=values):
            yield from turned(values)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield from negated([test])
        case ast.comprehension(ifs=tests):
            yield from negated(tests)
        case ast.Constant(value=int() as number) if not isinstance(number, bool) and number < 1000:  # sizes are above
            yield begin(node), end(node), ALL, lambda _: str(number + 1)
        case ast.Expr(value=ast.Call()):
            yield begin(node), end(node), ALL, lambda _: "pass"
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield begin(node), end(node), ALL, lambda _: "return None"


def turned(operands: list[ast.expr]) -> Iterator[Change]:
    for left, right in pairwise(operands):
        yield end(left), begin(right), OPERATOR, TURNED.__getitem__


def negated(tests: list[ast.expr]) -> Iterator[Change]:
    """Comparisons aren't: their operator is turned."""
    for test in tests:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield begin(test), end(test), ALL, lambda text: text.removeprefix("not ")
        elif not isinstance(test, ast.Compare):
            yield begin(test), end(test), ALL, "not ({})".format


def tested(node: ast.AST) -> Iterator[ast.AST]:
    """A node and those below it, without types and what tests aren't for."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in {"annotation", "returns"}:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not passed_over(child):
                    yield from tested(child)


def passed_over(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.JoinedStr() | ast.keyword(arg="indent"):  # places in f-strings: right since Python 3.12
            return True
        case ast.If(test=ast.Name("TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(name)]):
            return bool(TUNING_NAMES.fullmatch(name))
        case ast.Call(func=function) | ast.Expr(value=ast.Call(func=function)):
            return bool(TUNING_CALLS.fullmatch(ast.unparse(function)))
    return False


def faults_of(file: str) -> Iterator[Fault]:
    source = (ROOT / file).read_bytes()
    starts = list(accumulate((len(line) + 1 for line in source.split(b"\n")), initial=0))
    for node in tested(ast.parse(source)):
        for (line, column), (last_line, last_column), pattern, replace in changes(node):
            start = starts[line - 1] + column
            text = source[start : starts[last_line - 1] + last_column].decode()
            if found := re.search(pattern, text):
                before, old = text[: found.start()], found[0]
                start += len(before.encode())
                stop = start + len(old.encode())
                yield Fault(file, line + before.count("\n"), start, stop, old, replace(old))


def room(file: str) -> str:
    """Empty for a module that is in none."""
    return file.split("/")[1] if file.count("/") > 1 else ""


def chosen(only: str, number: int, seed: int) -> list[Fault]:
    """A room's share goes by the number of its modules; none has a second fault before all of the room have one.

    only: a part of the file's path.
    """
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("webapp/**/*.py"))
    files = [file for file in files if only in file and not LEFT_OUT.fullmatch(file)]
    faults = [fault for file in files for fault in faults_of(file)]
    Random(seed).shuffle(faults)  # noqa: S311 (the same each time is what is wanted)
    turns: dict[str, Iterator[int]] = defaultdict(count)
    faults.sort(key=lambda fault: next(turns[fault.file]))
    modules = Counter(map(room, files))
    places: dict[str, Iterator[float]] = defaultdict(lambda: count(0.5))
    faults.sort(key=lambda fault: next(places[room(fault.file)]) / modules[room(fault.file)])
    return faults[:number]


def copied_checkout(folder: Path) -> Path:
    """The files as they would be committed, in a clone, since tests ask git for them."""
    clone = ["git", "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(folder)]
    subprocess.run(clone, check=True)
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".git" / "info" / "exclude").write_text("/.venv\n")
    return folder


def runs(copy: Path, file: str) -> list[list[str]]:
    """What pytest is to run, one run after the other: the module's tests, the room's, the quicker ones, the rest."""
    folder = copy / "tests" / room(file)
    of_module, of_room = [folder / f"test_{Path(file).stem}.py"], [folder] if room(file) else folder.glob("test_*.py")
    near, own = ([str(path.relative_to(copy)) for path in paths if path.exists()] for paths in (of_module, of_room))
    later = [[name for name in group if name not in own] for group in LATER]
    others = ["tests", *(f"--ignore={name}" for name in [*own, *chain(*LATER)])]
    return [run for run in (near, own, others, *later) if run]


async def finder(copy: Path, fault: Fault) -> str | None:
    """The first test that fails because of the fault; None if all pass. Raises BrokenAnyway."""
    found = await first_with(copy, fault)
    if found and "::" in found and await first_failure(copy, [found]):
        raise BrokenAnyway(found)
    return found


async def first_with(copy: Path, fault: Fault) -> str | None:
    file, aside = copy / fault.file, copy.with_suffix(".aside")
    changed = fault.put_into(file.read_bytes())
    file.rename(aside)  # it keeps its time, by which Python knows what it has compiled
    file.write_bytes(changed)
    try:
        for tests in runs(copy, fault.file):
            if found := await first_failure(copy, tests):
                return found
    finally:
        aside.replace(file)
    return None


async def first_failure(copy: Path, tests: list[str]) -> str | None:
    options = f"-x -q -p no:cacheprovider --no-header --basetemp={copy.with_suffix('.tmp')}".split()
    screen, templates = copy.with_suffix(".screen"), copy.with_suffix(".templates")
    templates.mkdir(exist_ok=True)
    with screen.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-m", "not slow", *options, *tests),
            cwd=copy,
            # The installed webapp is the checkout's; processes that tests start are to import the copy's.
            env=os.environ | {"PYTHONPATH": str(copy), "MUTANTS_COPY": str(copy), "COMPILED_TEMPLATES": str(templates)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        status = await asyncio.wait_for(process.wait(), LIMIT_SECONDS)
    except TimeoutError:
        return f"hanging in {' '.join(tests)}"
    finally:
        end_all(copy)
        await process.wait()
    if status in {0, 5}:  # all passed, or there were none
        return None
    lines = screen.read_text(errors="replace").splitlines()
    summary = [line for line in lines if line.startswith(("FAILED tests", "ERROR tests"))]
    failed = [line.partition(" ")[2].partition(" - ")[0] for line in summary]
    return [*failed, *lines[-1:], f"exit status {status}"][0]


def end_all(copy: Path) -> None:
    """Servers of tests have sessions of their own, so they are known by their environment."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MUTANTS_COPY") == str(copy):
                process.kill()


async def judge(copy: Path, faults: Iterator[Fault]) -> int:
    """Take one fault after the other; how many were found."""
    number = 0
    for fault in faults:
        line = (copy / fault.file).read_text().splitlines()[fault.line - 1].strip()
        started = time.monotonic()
        found = await finder(copy, fault)
        word, then = ("found ", f"  by {found}") if found else ("MISSED", f"\n    {line}")
        print(f"{word} {time.monotonic() - started:6.1f} s  {fault}{then}", flush=True)
        number += found is not None
    return number


async def judge_all(faults: list[Fault], jobs: int) -> int:
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > jobs * JOB_BYTES
    with tempfile.TemporaryDirectory(prefix="mutants-", dir=MEMORY if in_memory else None) as folder:
        copies = [copied_checkout(Path(folder, str(number))) for number in range(jobs)]
        left = iter(faults)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(judge(copy, left)) for copy in copies]
        return sum(task.result() for task in tasks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60, help="how many faults (60)")
    parser.add_argument("--seed", type=int, default=1, help="another number chooses others (1)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time (2)")
    parser.add_argument("--only", default="", metavar="WORD", help="in files with this in their path")
    parser.add_argument("--list", action="store_true", help="list the faults and run nothing")
    options = parser.parse_args()
    faults = chosen(options.only, options.count, options.seed)
    if not faults:
        parser.error(f"no fault fits into a module with {options.only!r} in its path")
    if options.list:
        print(*sorted(map(str, faults)), sep="\n")
        return
    if Path(sys.prefix, ".installed").stat().st_mtime < (ROOT / "pyproject.toml").stat().st_mtime:
        sys.exit("pyproject.toml is newer than .venv, so test_readme.py always fails: run make install")
    try:
        found = asyncio.run(judge_all(faults, options.jobs))
    except* BrokenAnyway as group:
        sys.exit(f"It fails without a fault too, so nothing can be told: {group.exceptions[0]}")
    except* KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    print(f"{found} of {len(faults)} faults were found.")
    sys.exit(found < WANTED * len(faults))


if __name__ == "__main__":
    main()
