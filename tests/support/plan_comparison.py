"""Bash against the analysis and the interpreter: every script that is accepted, run by both, compared in all that can be seen.

Two things are compared. What bash started and wrote must be among what the plan names, whatever the plan is. And where a
plan runs without a shell, the interpreter runs it, and all that is seen must be equal: argument vectors with directory,
environment and input, files, what was printed, the exit code.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import bash_oracle
import interpreter_jobs
from bash_oracle import Job, Seen, Started
from bylaw.policy.effects import Unknown
from bylaw.policy.errors import ShellSyntaxError
from bylaw.policy.plan import Pipeline, Plan
from bylaw.policy.scope import Scope
from bylaw.policy.shell import Resolved, parse, resolve
from plan_names import plain, unnamed_files, unnamed_programs
from records_walk import everything

ROUNDS = 8
"""How often a script whose commands run side by side is run again before a difference counts."""

_COMPLAINT = re.compile(r"(?m)^(?:/bin/)?(?:bash|bylaw)(?:: line \d+)?: .*\n?")

_DASHED = re.compile(r"(?<![^\s'\"|])\./(?=-)")
"""The `./` before a name with a leading dash, wherever a word was printed."""
_HALT = re.compile(r"(?m)^bylaw: .*; nothing more was run$")
_TIMES = re.compile(r"(?m)^(real|user|sys)\t\d+m[\d.]+s$")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many scripts were accepted, how many of these ran from their plan, what was refused for what, and each difference."""

    scripts: int
    accepted: int
    exact: int
    refused: Counter[str]
    shell: Counter[str]
    differences: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        share = 100 * self.accepted / max(1, self.scripts)
        return f"{self.scripts} scripts, {self.accepted} accepted ({share:.1f} %), {self.exact} run from the plan, {len(self.differences)} differences"


def compare(scripts: Sequence[str], scope: Scope, run: Callable[[Sequence[Job]], list[Seen]] | None = None) -> Comparison:
    """Runs those of the scripts that are accepted; `run` stands for the jail."""
    perform = run or interpreter_jobs.perform
    real = scope.files.real
    refused: Counter[str] = Counter()
    shell: Counter[str] = Counter()
    accepted: list[tuple[str, Resolved]] = []
    for text in scripts:
        try:
            accepted.append((text, resolve(parse(text), scope)))
        except ShellSyntaxError as error:
            refused[error.construct] += 1
    jobs: list[Job] = []
    for text, resolved in accepted:
        jobs.append(("bash", text))
        if why := not_compared(resolved):
            shell[why] += 1
        else:
            jobs.append(interpreter_jobs.job(resolved.plan, real))
    answers = iter(perform(jobs))
    differences: list[str] = []
    for text, resolved in accepted:
        problems = names(resolved, bash := next(answers))
        if not not_compared(resolved):
            job = interpreter_jobs.job(resolved.plan, real)
            problems += exact((text, job), bash, next(answers), perform, parallel=is_parallel(resolved.plan))
        differences += [f"{text!r}: {problem}" for problem in problems]
    return Comparison(
        scripts=len(scripts),
        accepted=len(accepted),
        exact=len(accepted) - shell.total(),
        refused=refused,
        shell=shell,
        differences=differences,
    )


def not_compared(resolved: Resolved) -> str:
    """Why a plan is not run beside bash: it needs bash itself, or its program stands in for a builtin of bash."""
    if interpreter_jobs.starts_bash(resolved.plan):
        return "another bash"
    return resolved.by_bash or ("a program that bash answers itself" if interpreter_jobs.has_twin(resolved.plan) else "")


def names(resolved: Resolved, seen: Seen) -> list[str]:
    """What bash started or wrote and the analysis did not name. What the analysis says it does not know, it has named."""
    unknown = bool(resolved.by_bash) and any(isinstance(one, Unknown) for one in resolved.effects)
    if unknown or interpreter_jobs.starts_bash(resolved.plan):
        return []
    found = [
        f"bash started {argv}, which the plan does not name" for argv in list(dict.fromkeys(unnamed_programs(resolved.plan, seen)))[:3]
    ]
    if files := unnamed_files(resolved.plan, seen):
        found.append(f"bash wrote {files}, which the plan does not name")
    return found


def exact(pair: tuple[str, Job], bash: Seen, ours: Seen, perform: Callable[[Sequence[Job]], list[Seen]], *, parallel: bool) -> list[str]:
    """What differs between bash and the interpreter; where commands run side by side, in every round."""
    if shown(bash, parallel=parallel) == shown(ours, parallel=parallel):
        return []
    if bash.code == ours.code == bash_oracle.TIMEOUT:
        return []  # both go on for ever
    if halted(ours):
        return [] if stopped_early(bash, ours) else [_difference(bash, ours, parallel=parallel)]
    if parallel:
        again = perform([("bash", pair[0]), pair[1]] * ROUNDS)
        if {shown(one, parallel=True) for one in again[::2]} & {shown(one, parallel=True) for one in again[1::2]}:
            return []
    return [_difference(bash, ours, parallel=parallel)]


def halted(ours: Seen) -> bool:
    """Whether the interpreter stopped the plan by name, because it could not go on as it was judged."""
    return _HALT.search(ours.error) is not None


def stopped_early(bash: Seen, ours: Seen) -> bool:
    """Whether all that a plan did before it stopped is what bash did too: nothing else was started, no other file opened."""
    (theirs, *_), (own, *_) = shown(bash, parallel=True), shown(ours, parallel=True)
    return not Counter(own) - Counter(theirs) and set(ours.written) <= set(bash.written)


Shown = tuple[tuple[Started, ...], tuple[tuple[str, str], ...], tuple[str, ...], int, str]


def shown(seen: Seen, *, parallel: bool) -> Shown:
    """All that was seen, without what may differ: the words of complaints, `./` before a dash, the order of what races."""
    started = tuple(replace(one, argv=tuple(plain(_quiet(word)) for word in one.argv), stdin=_quiet(one.stdin)) for one in seen.started)
    output = _quiet(seen.output)
    written = tuple(sorted((path, _quiet(content)) for path, content in seen.written.items()))
    if parallel:
        started = tuple(sorted(started, key=repr))
        output = "".join(sorted(output.splitlines(keepends=True)))
    return started, written, seen.gone, seen.code, output


def _quiet(text: str) -> str:
    return _TIMES.sub(r"\1", _DASHED.sub("", _COMPLAINT.sub("", text)))


def _difference(bash: Seen, ours: Seen, *, parallel: bool) -> str:
    found: list[str] = []
    labels = ("started", "written", "gone", "code", "output")
    for label, theirs, own in zip(labels, shown(bash, parallel=parallel), shown(ours, parallel=parallel), strict=True):
        if theirs != own:
            found.append(f"\n    {label}: bash {theirs!r}\n    {' ' * len(label)}  ours {own!r}")
    return "".join(found) + f"\n    bash said {bash.error[-300:]!r}\n    ours said {ours.error[-300:]!r}"


def is_parallel(plan: Plan) -> bool:
    """Whether commands of the plan run side by side."""
    return any(isinstance(one, Pipeline) and len(one.stages) > 1 for one in everything(plan))
