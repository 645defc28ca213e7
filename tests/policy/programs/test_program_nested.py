"""What programs that start programs, and shells that are given text, would do is judged as if it stood alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy import analysis as analyses
from bylaw.policy.analysis import Analysis, analyse_command
from bylaw.policy.decision import Decision, Verdict
from bylaw.policy.effects import Effect, Unknown
from bylaw.policy.engine import judge
from bylaw.policy.examples import synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.machine import make_scope
from bylaw.policy.profiles import find_profile, profile_names
from bylaw.policy.records import replace
from made_up import whys

SCOPE = synthetic_scope()
POLICIES = {name: load(name, workspace="/workspace", home="/home/user") for name in ("hardened", "strict", "balanced", "permissive")}
STARTERS = {"env", "launcher", "parallel", "shell", "wrapper", "xargs"}


def _analysis(command: str) -> Analysis:
    return analyse_command(command, SCOPE, POLICIES["balanced"].limits)


def _decision(found: Analysis, preset: str = "balanced") -> Decision:
    return judge(found, POLICIES[preset], SCOPE, tool="bash")


DENIED = [
    "watch git push",
    "watch -n 1 'git push'",
    "watch -d -- rm -rf /",
    "watch -x rm -rf /",
    "watch --frob 1 rm -rf /",
    "watch -x bash -c 'rm -rf /'",
    "watch -x bash -c 'true; rm -rf /'",
    "parallel rm -rf ::: /",
    "parallel -j 4 'cat {}' ::: ~/.ssh/id_rsa",
    "parallel cat {1} ::: a ~/.ssh/id_rsa",
    "parallel ::: true 'rm -rf /'",
    "parallel --frob 2 rm -rf ::: /",
    "parallel git push",
    "parallel -a list rm -rf /",
    "busybox rm -rf /",
    "busybox sh -c 'rm -rf /'",
    "sudo rm -rf /",
    "sudo -u root A=b rm -rf /",
    "doas git push",
    "su -c 'rm -rf /'",
    "su - root -c 'cat ~/.ssh/id_rsa'",
    "bash -c 'cat ~/.ssh/id_rsa'",
    "bash -ec 'rm -rf /'",
    "bash -ce 'rm -rf /'",
    "bash -c -e 'rm -rf /'",
    "bash -o pipefail -c 'rm -rf /'",
    "bash --rcfile a -c -- 'rm -rf /'",
    "sh -c 'rm -rf /'",
    "dash -c 'git push'",
    "zsh -c 'rm -rf /'",
    "fish -c 'rm -rf /'",
    "sh -c 'if true; then rm -rf /; fi'",
    "sh -c 'echo $(rm -rf /)'",
    "sh -c 'cat \"$1\"' x ~/.ssh/id_rsa",
    "sh -c \"bash -c 'git push'\"",
    "cd /; sh -c 'rm -rf *'",
    "cd /home; bash -c 'cat user/.ssh/id_rsa'",
    "bash -c 'echo x > ~/.ssh/authorized_keys'",
    "flock a -c 'rm -rf /'",
    "flock a --command 'rm -rf /'",
    "flock a rm -rf /",
    "flock a sh -c 'git push'",
    "env -S 'rm -rf /'",
    "env -S 'A=b rm -rf' /",
    "env -S'-i rm -rf /'",
    "env --split-string='cat ~/.ssh/id_rsa'",
    "timeout 5 sh -c 'rm -rf /'",
    "nohup nice time stdbuf -o0 sh -c 'rm -rf /'",
    "xargs sh -c 'rm -rf /'",
    "ls | xargs -n 1 sh -c 'cat ~/.ssh/id_rsa'",
    "find . -exec sh -c 'rm -rf /' {} +",
    "wc --files0-from=.env",
    "sort --files0-from=.env",
    "du --files0-from=.env",
    "find -files0-from .env",
    "tar -c -T .env",
    "tar -c -X .env",
    "rsync --files-from=.env a b",
    "rsync --exclude-from .env a b",
    "grep -f .env a",
    "file -f .env",
    "date -f .env",
    "xargs -a .env echo",
    "parallel -a .env echo",
    "for i in 1; do sh -c 'rm -rf /'; done",
]


@pytest.mark.parametrize("command", DENIED)
def test_what_is_denied_alone_is_denied_inside_of_another_program(command: str) -> None:
    decision = _decision(_analysis(command))
    assert decision.verdict is Verdict.DENY, decision.effects


@pytest.mark.parametrize(
    "command",
    [
        "bash -c 'ls'",
        "sh -c 'frobnicate'",
        "sh -c 'if'",
        "sh -c",
        'bash -c "$(cat a)"',
        'sh -c ls "$(cat a)"',
        "watch ls",
        "watch",
        'watch "$(cat a)"',
        "parallel",
        "parallel wc -l ::: a b",
        'parallel "$(cat a)" ::: b',
        "busybox ls",
        "flock a -c ls",
        "flock a -c",
        "env -S 'ls -l'",
        "xargs sh -c 'wc -l \"$@\"' x",
        "busybox A=b",
        "find src -type f | xargs sh -c",
        "find src -type f | xargs watch cat",
        "find src -type f | xargs env -S cat",
        "find src -type f | xargs sh -c 'wc -l \"$@\"' x",
        "wc --files0-from=-",
        "wc --files0-from=a",
    ],
)
def test_the_rest_is_still_asked_about(command: str) -> None:
    decision = _decision(_analysis(command))
    assert decision.verdict is Verdict.CONFIRM, decision.effects


@pytest.mark.parametrize(
    "command",
    ["cargo --version", "cargo -V", "npm --version", "go version", "pnpm --version", "yarn --version", "gradle --version"],
)
def test_the_version_of_a_tool_is_accounted_for(command: str) -> None:
    decision = _decision(_analysis(command))
    assert decision.verdict is Verdict.ALLOW, decision.effects


def test_text_that_is_not_read_is_named_with_what_is_wrong() -> None:
    found = _analysis("sh -c 'rm -rf / )'")
    assert any(isinstance(one, Unknown) and "cannot be read" in one.why for one in found.effects)


def test_effects_of_text_have_the_place_of_the_program_that_runs_it() -> None:
    found = _analysis("true; sh -c 'git push'")
    assert {found.text[one.span.start : one.span.end] for one in found.effects if one.span and one.span.start > 4} == {"sh -c 'git push'"}


def test_programs_inside_are_not_said_to_be_missing() -> None:
    """They are judged besides: whether they would start at all is not known."""
    assert "frobnicate" not in _analysis("bash -c frobnicate").not_installed


def test_text_in_text_ends_somewhere() -> None:
    text = "true"
    for _ in range(12):
        quoted = text.replace("'", "'\\''")
        text = f"sh -c '{quoted}'"
        if len(text) > 2000:
            break
    assert _decision(_analysis(text)).verdict is Verdict.CONFIRM


def test_very_many_texts_are_not_all_read() -> None:
    found = _analysis("; ".join(f"sh -c 'true {number}'" for number in range(150)))
    assert any(isinstance(one, Unknown) and "too many" in one.why for one in found.effects)


def test_long_texts_are_not_all_read() -> None:
    lines = " ".join(f"x{number}" for number in range(20))
    found = _analysis(f"parallel echo {'a' * 5000} ::: {lines}")
    assert any(isinstance(one, Unknown) and "too many" in one.why for one in found.effects), found.refusal


def test_an_error_in_the_text_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("bylaw.policy.nested.resolve", broken)
    assert _decision(_analysis("sh -c 'true'; rm -rf /")).verdict is Verdict.DENY


def _examples() -> list[str]:
    found = ["watch ls", "sudo ls", *DENIED]
    for name in profile_names():
        profile = find_profile(name)
        if profile is not None and profile.interpreter in STARTERS:
            found += [one.command for one in profile.examples]
    return found


@pytest.mark.parametrize("command", _examples())
def test_reading_the_text_only_adds_effects(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _analysis(command)

    def keep(*_: object) -> None:
        """Does nothing."""

    monkeypatch.setattr(analyses, "judge_text", keep)
    monkeypatch.setattr("bylaw.policy.profiles.interpreter.Analyst.beside", keep)
    without = _analysis(command)

    def known(effects: tuple[Effect, ...]) -> set[Effect]:
        return {replace(one, span=None) for one in effects}

    assert known(without.effects) <= known(whole.effects)
    order = [Verdict.ALLOW, Verdict.CONFIRM, Verdict.DENY]
    for preset in POLICIES:
        assert order.index(_decision(whole, preset).verdict) >= order.index(_decision(without, preset).verdict)


@pytest.mark.parametrize(
    ("command", "name", "content", "allowed"),
    [
        ("cargo --version", "rust-toolchain.toml", "[toolchain]\npath = './x'\n", False),
        ("yarn --version", ".yarnrc.yml", "yarnPath: ./x.js\n", False),
        ("pnpm --version", "package.json", '{"packageManager": "pnpm@9.0.0"}', False),
        ("pnpm --version", "package.json", r'{"\u0070ackageManager": "pnpm@9.0.0"}', False),
        ("pnpm --version", "package.json", '{"name": "x"}', True),
    ],
)
@pytest.mark.parametrize("place", [".", "d"])
def test_a_version_is_not_accounted_for_where_a_file_chooses_the_program(
    command: str, name: str, content: str, place: str, tmp_path: Path, *, allowed: bool
) -> None:
    workspace = tmp_path.resolve() / "w"
    (workspace / "d").mkdir(parents=True)
    (workspace / name).write_text(content)
    policy = load("balanced", workspace=str(workspace), home=str(tmp_path))
    scope = replace(make_scope(policy, workspace=str(workspace), home=str(tmp_path), environ={}), cwd=str(workspace / place))
    found = analyse_command(command, scope, policy.limits)
    assert (judge(found, policy, scope, tool="bash").verdict is Verdict.ALLOW) is allowed


def test_find_without_its_list_of_starts_is_not_accounted_for() -> None:
    assert whys("find -files0-from") == ["this word of `find` needs another one"]
