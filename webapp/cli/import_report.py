"""What an import says at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import click

from ..content import foreign, importing, imports
from ..content.importing import NO_DATE, Source
from ..ops.setup import program
from ..system.screen import printable
from .common import Failed

NAMED = 5  # of many files alike


@dataclass
class Report:
    """stems: what links know the files of the run by; static: folders of images. pictures: those that were taken."""

    stems: frozenset[str]
    static: tuple[Path, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    drafts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    hidden: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pictures: set[Path] = field(default_factory=set)
    unusable: list[str] = field(default_factory=list)
    things: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def look(self, source: Source) -> None:
        """Count what Markdown makes nothing of."""
        below = source.file.below
        found = foreign.found(
            source.writing.body,
            lambda to: any(path in self.stems for path in foreign.candidates(below, to)),
            lambda to: importing.picture(source.file, to, self.static) is not None,
        )
        found += [foreign.Found(kind, example) for kind, example in source.cut]
        for thing in found:
            self.things[thing.kind] += 1
            self.examples.setdefault(thing.kind, f"{thing.example} in {below}")
        self.files.update({thing.kind for thing in found})

    def count(self, source: Source, planned: imports.Plan) -> None:
        action, below = planned.action, source.file.below
        if action == imports.NEW and source.reason:
            self.drafts[source.reason].append(below)
            action = "draft"
        elif action == imports.CHANGED and source.reason not in ("", NO_DATE):
            self.hidden.append(f"{below} ({source.reason})")
        elif action == imports.EDITED:
            self.edited.append(below)
        elif action == imports.DELETED:
            self.deleted.append(below)
        self.counts[action] += 1

    def say(self, run: imports.Run, dry_run: bool, total: int) -> None:
        """Raises Failed when files couldn't be imported, or it was stopped."""
        if dry_run:
            click.echo("Dry run: this is what an import would do.")
        new, drafts = self.counts[imports.NEW] + self.counts[imports.SHOWN], counted(self.counts["draft"], "draft")
        click.echo(
            f"{new} published, {drafts}, {self.counts[imports.CHANGED]} updated,"
            f" {self.counts[imports.SAME]} already there."
        )
        if self.pictures:
            click.echo(f"{counted(len(self.pictures), 'picture')} imported.")
        _say("picture", self.unusable, " not imported", limit=None)
        for reason, names in self.drafts.items():
            _say("draft", names, f" ({reason})")
        if self.drafts[NO_DATE]:
            click.echo("To publish what has no date, add --publish-undated or --date-from=mtime.")
        _say("post", self.hidden, " updated and hidden from readers", limit=None)
        _say("file", self.edited, " left out, as the post was changed on the site", limit=None)
        _say("file", self.deleted, " left out, as the post was deleted on the site", limit=None)
        for kind, number in self.things.most_common():
            where = f"in {counted(self.files[kind], 'file')}, such as {self.examples[kind]}"
            click.echo(printable(f"{kind}: {number} {where}"))
        _say("author", [f"{name} ({n})" for name, n in run.strangers.most_common()], " without an account")
        _say("old address", run.addresses, " redirected", "old addresses")
        _say("old address", run.taken, " not redirected, as another post has it", "old addresses")
        for problem in self.problems:
            click.echo(f"Not imported: {problem}", err=True)
        if run.import_id is not None:
            click.echo(f"This was import {run.import_id}. Take it back: {program()} import --undo {run.import_id}")
        if self.stopped:
            raise Failed("Stopped. The same command imports the rest.")
        if self.problems:
            raise Failed(f"{len(self.problems)} of {counted(total, 'file')} couldn't be imported.")
        if not total:
            raise Failed(f"No Markdown files found ({', '.join(foreign.SUFFIXES)}).")


def counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _say(one: str, names: list[str], what: str, many: str = "", *, limit: int | None = NAMED) -> None:
    if names:
        more = f" and {len(names) - limit} more" if limit and len(names) > limit else ""
        click.echo(printable(f"{counted(len(names), one, many)}{what}: {', '.join(names[:limit])}{more}"))
