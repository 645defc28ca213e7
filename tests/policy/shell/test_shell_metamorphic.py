"""The same command written otherwise: a verdict may become stricter, never laxer; and no mutation of an attack is allowed."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

import pytest

import bash_oracle
import mutations
import rewrites
import script_grammar
from bench import questions
from bench.corpus import ATTACKS, EVERYDAY, Case, harmless, read

SEED = int(os.environ.get("BYLAW_FUZZ_SEED") or "1")
MUTATIONS = int(os.environ.get("BYLAW_FUZZ_MUTATIONS") or "24")
ORDER = {"allow": 0, "confirm": 1, "deny": 2}
SHARES = 4
BUILTIN_TRAPS = {"printf -v 'a[$(touch PWNED)]' x": "behind a wrapper it is the program `printf`, to which `-v` is text like any other"}
"""Attacks on a builtin of the shell that a wrapper turns into a program without that trap: performed, and without effect."""


def sample(chance: random.Random, found: dict[str, str], count: int) -> dict[str, str]:
    return {name: found[name] for name in chance.sample(sorted(found), min(count, len(found)))}


def performed(text: str) -> questions.Performed:
    answer = questions.Answer(case=Case(id="m", command=text), preset="balanced", verdict="allow", rules=(), texts=())
    return questions.perform([answer])[0]


def verdicts(rows: Sequence[dict[str, Any]], preset: str) -> list[list[str]]:
    return [[answer[preset]["verdict"] for answer in row["answers"]] for row in rows]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", range(SHARES))
def test_no_mutation_of_an_attack_is_allowed(share: int) -> None:
    chance = random.Random(SEED * SHARES + share)
    cases = [case for case in read(ATTACKS)[share::SHARES] if case.command not in harmless()]
    mutated = [sample(chance, mutations.mutations(case.command, chance), MUTATIONS) for case in cases]
    presets = ("balanced", "strict", "hardened") if MUTATIONS > 24 else ("balanced",)
    wanted = [(case.setup, list(one.values())) for case, one in zip(cases, mutated, strict=True)]
    rows = questions.judged(wanted, presets)
    allowed = [
        (case.id, name, text)
        for preset in presets
        for case, one, said in zip(cases, mutated, verdicts(rows, preset), strict=True)
        for (name, text), verdict in zip(one.items(), said, strict=True)
        if verdict == "allow"
    ]
    commands = {case.id: case.command for case in cases}
    disarmed = {text for one, name, text in allowed if name.startswith("wrapper: ") and commands[one] in BUILTIN_TRAPS}
    assert [one for one in allowed if one[2] not in disarmed] == []
    assert [found for text in sorted(disarmed)[:3] for found in performed(text).evidence] == []
    assert sum(map(len, mutated)) > 10 * len(cases)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("preset", ["balanced", "strict", "hardened", "permissive"])
def test_quotes_alone_change_no_verdict_of_everyday_work(preset: str) -> None:
    chance = random.Random(SEED)
    cases = read(EVERYDAY)
    mutated = {case: mutations.quoted(case.command, chance) for case in cases}
    if preset in {"strict", "hardened"}:
        mutated = {case: sample(chance, found, 3) for case, found in mutated.items()}
    texts = [text for case, found in mutated.items() for text in (case.command, *found.values())]
    said = iter(verdicts(questions.judged([(questions.EVERYDAY_SETUP, texts)], (preset,)), preset)[0])
    changed: list[tuple[str, str, str, str]] = []
    for case, found in mutated.items():
        original = next(said)
        changed += [(case.id, text, original, verdict) for text, verdict in zip(found.values(), said, strict=False) if verdict != original]
    assert changed == []


def loosened(setup: str, cases: Sequence[Case], chance: random.Random, count: int, preset: str = "balanced") -> list[tuple[str, ...]]:
    """Each rewrite that is said to be less than the original; an original that is not read at all says nothing."""
    readable = [case for case in cases if rewrites.script(case.command) is not None]
    rewritten = [sample(chance, rewrites.rewrites(case.command, chance), count) for case in readable]
    wanted = [(setup or case.setup, [case.command, *found.values()]) for case, found in zip(readable, rewritten, strict=True)]
    if setup:
        wanted = [(setup, [text for _, texts in wanted for text in texts])]
    rows = questions.judged(wanted, (preset,))
    said = iter([one[preset] for row in rows for one in row["answers"]])
    problems: list[tuple[str, ...]] = []
    for case, found in zip(readable, rewritten, strict=True):
        original = next(said)
        for name, text in found.items():
            verdict = next(said)
            if ORDER[verdict["verdict"]] < ORDER[original["verdict"]] and not original["unread"]:
                problems.append((case.id, name, text, original["verdict"], verdict["verdict"]))
    return problems


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_no_rewrite_of_an_attack_loosens_its_verdict(share: int) -> None:
    chance = random.Random(SEED * SHARES + share)
    assert loosened("", read(ATTACKS)[share::SHARES], chance, 12) == []


@pytest.mark.timeout(600)
def test_no_rewrite_of_an_everyday_command_loosens_its_verdict() -> None:
    assert loosened(questions.EVERYDAY_SETUP, read(EVERYDAY), random.Random(SEED), 40) == []


@pytest.mark.timeout(600)
def test_no_rewrite_of_a_random_script_loosens_its_verdict() -> None:
    texts = script_grammar.scripts(300, SEED, [case.command for case in (*read(EVERYDAY), *read(ATTACKS))])
    cases = [Case(id=str(number), command=text) for number, text in enumerate(texts)]
    assert loosened(questions.EVERYDAY_SETUP, cases, random.Random(SEED), 8) == []


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("ls -la src", "'ls' '-la' 'src'"),
        ("echo $X a*", "'echo' $X a*"),
        ("cat 'a b'\\''c'", "'cat' 'a b'\\''c'"),
        ("A=1 ls --color=auto", "A='1' 'ls' '--color=auto'"),
        ("[[ $a == b* ]] && ls", "[[ $a == b* ]] && 'ls'"),
        ("export A=b*", "'export' A=b*"),
        ("cat <<E\na b\nE", "'cat' <<E\na b\nE"),
    ],
)
def test_quotes_are_put_where_they_change_nothing(text: str, rewritten: str) -> None:
    assert rewrites.requoted(text, random.Random(1), "single") == rewritten


def test_words_mean_the_same_in_every_quote() -> None:
    chance = random.Random(1)
    texts = [f"m0 {word} b" for word in ("a", "-x", "--a=b", "a.txt", "a/b", "'a b'", "x\\ y")]
    written = [text for one in texts for text in (one, *mutations.quoted(one, chance).values())]
    started = [seen.started[0].argv for seen in bash_oracle.run_all(written)]
    assert len(set(started)) == len(texts)
