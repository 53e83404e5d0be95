"""What an import says at its end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import click

from ..content import foreign, imports
from ..content.importing import NO_DATE, Source
from ..ops.setup import program
from ..system.screen import printable
from .common import Failed

NAMED = 5  # of many files alike


@dataclass
class Report:
    """stems: of all files of the run, to which links may lead."""

    stems: frozenset[str]
    counts: Counter[str] = field(default_factory=Counter)
    drafts: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    edited: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    things: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    stopped: bool = False

    def look(self, source: Source) -> None:
        """Count what Markdown makes nothing of."""
        below = source.file.below
        found = foreign.found(
            source.writing.body, lambda to: any(path in self.stems for path in foreign.candidates(below, to))
        )
        for thing in found:
            self.things[thing.kind] += 1
            self.examples.setdefault(thing.kind, f"{thing.example} in {below}")
        self.files.update({thing.kind for thing in found})

    def count(self, source: Source, planned: imports.Plan) -> None:
        is_draft = planned.action in (imports.NEW, imports.CHANGED) and source.reason
        self.counts["draft" if is_draft and planned.action == imports.NEW else planned.action] += 1
        if is_draft:
            self.drafts[source.reason].append(source.file.below)
        if planned.action == imports.EDITED:
            self.edited.append(source.file.below)

    def say(self, run: imports.Run, dry_run: bool, total: int) -> None:
        """Raises Failed when files couldn't be imported, or it was stopped."""
        if dry_run:
            click.echo("Dry run: this is what an import would do.")
        new = self.counts[imports.NEW] + self.counts[imports.SHOWN]
        click.echo(
            f"{new} published, {self.counts['draft']} drafts, {self.counts[imports.CHANGED]} updated,"
            f" {self.counts[imports.SAME]} already there."
        )
        for reason, names in self.drafts.items():
            _say(f"drafts ({reason})", names)
        if self.drafts[NO_DATE]:
            click.echo("To publish what has no date, add --publish-undated or --date-from=mtime.")
        _say("left as they are, for their posts were edited on the site", self.edited)
        for kind in foreign.KINDS:
            if number := self.things[kind]:
                where = f"in {self.files[kind]} files, such as {self.examples[kind]}"
                click.echo(printable(f"{number} {kind} shown as they are {where}"))
        _say("authors without an account", [f"{name} ({n})" for name, n in run.strangers.most_common()])
        _say("old addresses that other posts have", run.taken)
        for problem in self.problems:
            click.echo(f"Not imported: {problem}", err=True)
        if run.import_id is not None:
            click.echo(f"This was import {run.import_id}. Take it back: {program()} import --undo {run.import_id}")
        if self.stopped:
            raise Failed("Stopped. The same command imports the rest.")
        if self.problems:
            raise Failed(f"{len(self.problems)} of {total} files couldn't be imported.")
        if not total:
            raise Failed("No Markdown files found (.md, .markdown, .mdown, .mkd, .mdx).")


def _say(what: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        click.echo(printable(f"{len(names)} {what}: {', '.join(names[:NAMED])}{more}"))
