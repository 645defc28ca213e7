"""The engine, and what it is made of: rules against effects, kinds, limits, the manifest, explanations."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy import engine, explain, paths
from bylaw.policy.actions import RunCommand, WriteFile
from bylaw.policy.analysis import Analysis
from bylaw.policy.decision import Decision, PathGrant, Verdict
from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.errors import PolicyError, ShellSyntaxError
from bylaw.policy.examples import HOME, WORKSPACE, SyntheticFiles, synthetic_scope
from bylaw.policy.layers import Override, load
from bylaw.policy.manifest import environment
from bylaw.policy.model import Matcher, Policy, Rule
from bylaw.policy.plan import Plan
from bylaw.policy.records import replace
from bylaw.policy.scope import PathKind
from bylaw.policy.spans import Span
from bylaw.policy.words import MEANINGS, describe

POLICY = load("balanced", workspace=WORKSPACE, home=HOME)
SCOPE = synthetic_scope()
SPAN = Span(0, 2)


def _judge(*effects: Effect, policy: Policy = POLICY, tool: str = "bash") -> Decision:
    return engine.judge(Analysis(effects=effects, plan=Plan(steps=())), policy, SCOPE, tool=tool)


def _run(command: str, policy: Policy = POLICY) -> Decision:
    return engine.decide(RunCommand(command=command), policy, SCOPE)


def _rule(verdict: Verdict, *excepts: Matcher, rule_id: str = "x.rule", **fields: tuple[str, ...]) -> Rule:
    subcommand = tuple(tuple(one.split()) for one in fields.pop("subcommand", ()))
    match = Matcher(subcommand=subcommand, **fields)
    return Rule(id=rule_id, verdict=verdict, because="because", match=match, source="f:1", suggest="instead", excepts=excepts)


def _with(*rules: Rule) -> Policy:
    return replace(POLICY, rules=(*POLICY.rules, *rules))


def _execute(program: str, *operands: str, path: str | None = None, category: str = "", subcommand: str = "") -> Execute:
    return Execute(
        program=program,
        argv=(program, *operands),
        path=path or f"/usr/bin/{program}",
        operands=operands,
        category=category,
        subcommand=tuple(subcommand.split()),
    )


# --- reasons ------------------------------------------------------------------------------------------------------------


def test_a_default_says_what_and_where() -> None:
    (reason,) = _judge(Read(path="/mnt/secret", span=SPAN)).reasons
    assert reason.rule == "default.read.outside"
    assert reason.text == "reads `/mnt/secret`: reading outside the roots"
    assert reason.source.startswith("presets/balanced.yaml:")
    assert reason.suggestion is not None
    assert reason.span == SPAN


def test_every_reason_is_kept_the_strictest_first() -> None:
    decision = _run("ls && rm -rf build")
    assert [reason.verdict for reason in decision.reasons] == sorted((reason.verdict for reason in decision.reasons), reverse=True)
    assert {"remove.recursive", "default.delete.inside", "default.execute.known"} <= {reason.rule for reason in decision.reasons}


def test_a_rule_takes_the_place_of_the_default() -> None:
    policy = _with(_rule(Verdict.ALLOW, effect=("connect",), host=("*.example.org",)))
    assert _judge(Connect(host="a.EXAMPLE.org"), policy=policy).verdict is Verdict.ALLOW
    assert _judge(Connect(host="example.com"), policy=policy).verdict is Verdict.CONFIRM


def test_the_strictest_of_several_rules_counts() -> None:
    policy = _with(_rule(Verdict.ALLOW, host=("*",)), _rule(Verdict.DENY, rule_id="y.rule", host=("b*",)))
    decision = _judge(Connect(host="b"), policy=policy)
    assert decision.verdict is Verdict.DENY
    assert [reason.rule for reason in decision.reasons] == ["y.rule", "x.rule"]


def test_a_rule_by_the_way_does_not_lift_the_default_of_a_secret() -> None:
    policy = _with(_rule(Verdict.ALLOW, effect=("read",)))
    assert _judge(Read(path="/workspace/.env"), policy=policy).verdict is Verdict.DENY
    named = _with(_rule(Verdict.ALLOW, effect=("read",), path=("/workspace/.env",)))
    assert _judge(Read(path="/workspace/.env"), policy=named).verdict is Verdict.ALLOW


def test_a_rule_for_a_tree_does_not_lift_what_is_protected_in_it() -> None:
    policy = _with(_rule(Verdict.ALLOW, effect=("write",), path=("/workspace/**",)))
    assert _judge(Write(path="/workspace/x"), policy=policy).verdict is Verdict.ALLOW
    assert _judge(Write(path="/workspace/.git", recursive=True), policy=policy).verdict is Verdict.DENY


def test_a_refusal_of_the_parser_is_shown_with_its_place() -> None:
    decision = _run("echo $[1]")
    (reason,) = decision.reasons
    assert decision.verdict is Verdict.DENY
    assert decision.plan is None
    assert reason.rule == "shell.old_arithmetic"
    assert "\necho $[1]\n     ^" in reason.text


def test_a_refusal_without_text_is_shown_without_a_place() -> None:
    refusal = ShellSyntaxError("no", construct="x", span=Span(0, 0))
    assert engine.judge(Analysis(effects=(), refusal=refusal), POLICY, SCOPE, tool="bash").reasons[0].text == "no"


def test_a_command_that_is_too_long_says_the_limit_and_where_it_comes_from() -> None:
    (reason,) = _run("echo " + "x" * 70_000).reasons
    assert reason.rule == "limits.command_characters"
    assert reason.source.startswith("presets/balanced.yaml:")
    assert reason.text == "the command has 70,005 characters, and the limit is 65,536"


def test_a_command_without_effects_has_a_reason_all_the_same() -> None:
    (reason,) = _judge().reasons
    assert (reason.rule, reason.verdict) == ("default.execute.known", Verdict.ALLOW)


def test_a_call_that_nobody_can_account_for_is_unknown() -> None:
    (reason,) = engine.judge(Analysis(effects=()), POLICY, SCOPE, tool="read").reasons
    assert (reason.rule, reason.verdict) == ("default.unknown", Verdict.CONFIRM)


def test_a_command_without_a_plan_is_denied() -> None:
    decision = engine.judge(Analysis(effects=(Unknown(why="it failed", subject=""),)), POLICY, SCOPE, tool="bash")
    assert decision.verdict is Verdict.DENY
    assert "analysis.failed" in {reason.rule for reason in decision.reasons}


class _Broken(SyntheticFiles):
    def kind(self, path: str) -> PathKind:
        raise RuntimeError(path)


def test_an_error_while_judging_is_a_deny_that_does_not_repeat_the_models_words() -> None:
    broken = replace(SCOPE, files=_Broken())
    analysis = Analysis(effects=(Write(path="/workspace/xyzzy"),), plan=Plan(steps=()))
    for decision in (
        engine.judge(analysis, POLICY, broken, tool="write"),
        engine.decide(WriteFile(path="xyzzy", content=""), replace(POLICY, rules=None), SCOPE),
        engine.decide_command("cat xyzzy", replace(POLICY, rules=None), SCOPE),
    ):
        assert decision.verdict is Verdict.DENY
        assert decision.reasons[0].rule == "engine.error"
        assert "xyzzy" not in decision.reasons[0].text


def test_the_decision_names_the_policy() -> None:
    assert _run("ls").policy_digest == POLICY.digest


# --- limits -------------------------------------------------------------------------------------------------------------


def test_a_write_over_the_limit_is_denied() -> None:
    assert _judge(Write(path="/workspace/x", size=1_000_001), tool="write").verdict is Verdict.DENY
    assert _judge(Write(path="/workspace/x", size=1_000_000), tool="write").verdict is Verdict.CONFIRM


@pytest.mark.parametrize(
    "effect",
    [
        Read(path="/workspace/real", given="/workspace/link"),
        Write(path="/workspace/real", given="/workspace/link"),
        Read(path="/workspace/pipe"),
    ],
)
def test_links_and_pipes_are_no_targets_where_files_must_be_regular(effect: Read | Write) -> None:
    scope = replace(
        SCOPE,
        files=SyntheticFiles(
            {"/workspace": "directory", "/workspace/link": "symlink", "/workspace/pipe": "other", "/workspace/real": "file"}
        ),
    )
    analysis = Analysis(effects=(effect,), plan=Plan(steps=()))
    strict = engine.judge(analysis, POLICY, scope, tool="read")
    assert [reason.rule for reason in strict.reasons if reason.verdict is Verdict.DENY] == ["limits.regular_files"]
    permissive = load("permissive", workspace=WORKSPACE, home=HOME)
    assert engine.judge(analysis, permissive, scope, tool="read").verdict is Verdict.ALLOW


def test_devices_that_hold_nothing_and_links_of_the_system_are_targets() -> None:
    tree = SyntheticFiles({"/dev/null": "other", "/etc/localtime": "symlink"})
    scope = replace(SCOPE, files=tree)
    for effect in (Read(path="/dev/null"), Read(path="/usr/share/zoneinfo/UTC", given="/etc/localtime")):
        decision = engine.judge(Analysis(effects=(effect,), plan=Plan(steps=())), POLICY, scope, tool="read")
        assert "limits.regular_files" not in {reason.rule for reason in decision.reasons}


def test_a_tree_that_is_too_large_to_look_through_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MAX_ENTRIES", 3)
    for effect in (Read(path="/workspace", recursive=True), Write(path="/workspace", recursive=True)):
        assert "default.unknown" in {reason.rule for reason in _judge(effect).reasons}


# --- matching -----------------------------------------------------------------------------------------------------------

MATCHES = [
    (_rule(Verdict.DENY, program=("git",)), _execute("git"), True),
    (_rule(Verdict.DENY, program=("gi?",)), _execute("git"), True),
    (_rule(Verdict.DENY, program=("g[i]t",)), _execute("git"), False),
    (_rule(Verdict.DENY, program=("git",)), _execute("/opt/x/git"), True),
    (_rule(Verdict.DENY, program=("mawk",)), _execute("awk", path="/usr/bin/mawk"), True),
    (_rule(Verdict.ALLOW, program=("mawk",)), _execute("awk", path="/usr/bin/mawk"), False),
    (_rule(Verdict.ALLOW, program=("git",)), replace(_execute("./git"), origin="workspace"), False),
    (_rule(Verdict.DENY, program=("git",)), replace(_execute("./git"), origin="workspace"), True),
    (_rule(Verdict.DENY, category=("vcs",)), _execute("git", category="vcs"), True),
    (_rule(Verdict.DENY, origin=("workspace",)), _execute("git"), False),
    (_rule(Verdict.DENY, subcommand=("stash push",)), _execute("git", subcommand="stash push"), True),
    (_rule(Verdict.DENY, subcommand=("push",)), _execute("git", subcommand="stash push"), False),
    (_rule(Verdict.DENY, subcommand=("rm",)), _execute("frob", "--context", "x", "rm", "y"), True),
    (_rule(Verdict.ALLOW, subcommand=("rm",)), _execute("frob", "rm"), False),
    (_rule(Verdict.DENY, subcommand=("image rm",)), _execute("docker", "rm", subcommand="image"), True),
    (_rule(Verdict.DENY, option=("--force",)), _execute("frob", "--forc"), True),
    (_rule(Verdict.DENY, option=("--force",)), _execute("frob", "--"), False),
    (_rule(Verdict.DENY, option=("-f",)), _execute("frob", "-xf"), True),
    (_rule(Verdict.DENY, option=("-f",)), _execute("frob", "f"), False),
    (_rule(Verdict.ALLOW, option=("-f",)), _execute("frob", "-f"), False),
    (_rule(Verdict.DENY, option=("-f",)), replace(_execute("frob"), options=frozenset({"-f"})), True),
    (_rule(Verdict.DENY, operand=("u+*",)), _execute("chmod", "u+s", "x"), True),
    (_rule(Verdict.DENY, path=("*.py",)), Read(path="/workspace/src/app.py"), True),
    (_rule(Verdict.DENY, path=("*.py",)), Read(path="/workspace", recursive=True), True),
    (_rule(Verdict.DENY, path=("*.rs",)), Read(path="/workspace", recursive=True), False),
    (_rule(Verdict.ALLOW, path=("*.py",)), Read(path="/workspace", recursive=True), False),
    (_rule(Verdict.DENY, path=("*.py",)), _execute("git"), False),
    (_rule(Verdict.DENY, effect=("delete",)), Delete(path="/x"), True),
    (_rule(Verdict.DENY, host=("h",)), Send(provider="p", host="H", model="m", size=1), True),
    (_rule(Verdict.DENY, name=("LD_*",)), SetEnvironment(name="LD_PRELOAD", value=""), True),
    (_rule(Verdict.DENY, construct=("glob",)), UseConstruct(construct="glob", subject="*"), True),
    (_rule(Verdict.DENY, construct=("glob",), subject=("x",)), UseConstruct(construct="glob", subject="*"), False),
    (_rule(Verdict.DENY, subject=("x",)), Unknown(why="", subject="x"), True),
    (_rule(Verdict.DENY, why=("no*",)), Unknown(why="yes", subject="x"), False),
    (_rule(Verdict.DENY, tool=("read",)), Read(path="/x"), False),
    (_rule(Verdict.DENY, Matcher(path=("/x/y",)), effect=("read",)), Read(path="/x/y"), False),
    (_rule(Verdict.DENY, Matcher(tool=("read",)), effect=("read",)), Read(path="/x/y"), True),
    (_rule(Verdict.DENY, Matcher(effect=("write",)), effect=("read",)), Read(path="/x/y"), True),
]


@pytest.mark.parametrize(("rule", "effect", "expected"), MATCHES, ids=range(len(MATCHES)))
def test_a_rule_matches_what_it_names(rule: Rule, effect: Effect, expected: bool) -> None:
    assert ("x.rule" in {reason.rule for reason in _judge(effect, policy=_with(rule)).reasons}) is expected


_EFFECTS: st.SearchStrategy[Effect] = st.sampled_from(
    [
        _execute("git", subcommand="push", category="vcs"),
        _execute("ls"),
        Read(path="/workspace/src/app.py"),
        Read(path="/workspace/.env"),
        Write(path="/workspace/x", size=3),
        Connect(host="example.org"),
        SetEnvironment(name="LC_ALL", value="C"),
        UseConstruct(construct="glob", subject="*"),
        Unknown(why="no", subject="x"),
    ]
)
_ADDED = st.sampled_from(
    [
        _rule(Verdict.DENY, effect=("read",)),
        _rule(Verdict.DENY, program=("g*",)),
        _rule(Verdict.DENY, host=("*",)),
        _rule(Verdict.DENY, path=("*.py",)),
        _rule(Verdict.DENY, name=("LC_*",)),
        _rule(Verdict.DENY, construct=("glob",)),
    ]
)


@given(st.lists(_EFFECTS, min_size=1, max_size=4), st.randoms())
def test_the_order_of_rules_and_effects_never_matters(effects: list[Effect], random: Random) -> None:
    rules, shuffled = list(POLICY.rules), list(effects)
    random.shuffle(rules)
    random.shuffle(shuffled)
    one, other = _judge(*effects), _judge(*shuffled, policy=replace(POLICY, rules=tuple(rules)))
    assert one.verdict is other.verdict
    assert set(one.reasons) == set(other.reasons)


@given(st.lists(_EFFECTS, min_size=1, max_size=3), _ADDED)
def test_a_rule_that_denies_never_loosens(effects: list[Effect], rule: Rule) -> None:
    assert _judge(*effects, policy=_with(rule)).verdict >= _judge(*effects).verdict


@given(st.lists(_EFFECTS, min_size=1, max_size=3), _EFFECTS)
def test_one_more_effect_never_loosens(effects: list[Effect], more: Effect) -> None:
    assert _judge(*effects, more).verdict >= _judge(*effects).verdict


_COMMANDS = st.sampled_from(
    ["ls", "cat src/app.py", "rm -rf build", "git push", "frob", "curl https://x.org", "cat .env", "cp README.md src", "make"]
)


@given(_COMMANDS, _COMMANDS, st.sampled_from(["&&", "||", ";", "|"]))
def test_one_more_command_never_loosens(first: str, second: str, operator: str) -> None:
    both = _run(f"{first} {operator} {second}")
    assert both.verdict >= max(_run(first).verdict, _run(second).verdict)


# --- flags --------------------------------------------------------------------------------------------------------------


def test_a_program_that_is_allowed_by_flag_may_run_and_no_deny_is_lifted() -> None:
    policy = load(
        "strict", overrides={"allow_command": Override(["frob", "sudo", "stash"], "--allow-command")}, workspace=WORKSPACE, home=HOME
    )
    assert _run("frob x", policy).verdict is Verdict.ALLOW
    assert _run("sudo x", policy).verdict is Verdict.DENY
    assert _run("other x", policy).verdict is Verdict.DENY
    assert _run("git frob", policy).verdict is Verdict.DENY


# --- the manifest -------------------------------------------------------------------------------------------------------


def test_a_denied_call_is_granted_nothing() -> None:
    decision = _run("rm -rf build")
    assert decision.manifest.programs == ()
    assert decision.manifest.write == ()


def test_a_command_is_granted_what_it_declares() -> None:
    manifest = _run("cat src/app.py").manifest
    assert manifest.programs == ("/usr/bin/cat",)
    assert manifest.read == (PathGrant(path="/workspace/src/app.py"),)
    assert manifest.write == ()
    assert manifest.hosts == ()


def test_secrets_below_a_tree_that_is_read_are_hidden() -> None:
    assert _judge(Read(path="/workspace", recursive=True), Read(path="/workspace/src", recursive=True)).manifest.hidden == (
        "/workspace/.env",
    )


def test_code_of_the_workspace_runs_in_its_tier() -> None:
    manifest = _run("make").manifest
    assert manifest.programs == ("*",)
    assert manifest.write == (PathGrant(path="/workspace", recursive=True),)
    assert PathGrant(path="/usr", recursive=True) in manifest.read
    assert manifest.protected == ("/workspace/.git/config", "/workspace/.git/hooks")
    assert manifest.hidden == ("/workspace/.env",)
    assert manifest.hosts == ()


def test_hosts_and_helpers_are_granted() -> None:
    helped = replace(_execute("tar"), helpers=("gzip", "/usr/lib/x", "no/such"))
    manifest = _judge(helped, Connect(host="example.org")).manifest
    assert manifest.programs == ("/usr/bin/gzip", "/usr/bin/tar", "/usr/lib/x")
    assert manifest.hosts == ("example.org",)


def test_a_policy_shows_what_it_lists_of_the_network_and_its_launcher() -> None:
    assert ("network", "none", POLICY.origins["network"]) in explain.show(POLICY)
    assert "sandbox.launcher" not in {name for name, _, _ in explain.show(POLICY)}
    given = {
        "allow_host": Override(["a.org:443"], "--allow-host"),
        "sandbox.launcher": Override(["/bin/x", "{shell}"], "--sandbox-command"),
    }
    rows = explain.show(load(overrides=given, workspace=WORKSPACE, home=HOME))
    assert ("network", "a.org:443", "--allow-host") in rows
    assert ("sandbox.launcher", "/bin/x {shell}", "--sandbox-command") in rows
    assert ("caches", "overlay", POLICY.origins["caches"]) in rows


def test_only_named_variables_reach_a_child() -> None:
    got = environment(
        {"LC_ALL": "C", "HOME": "/h", "TOKEN": "x", "PATH": "/evil", "PAGER": "less"}, ("LC_*", "HOME", "PATH"), ("/usr/bin",)
    )
    assert got == {"LC_ALL": "C", "HOME": "/h", "PATH": "/usr/bin", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}


# --- in words -----------------------------------------------------------------------------------------------------------

WORDS = [
    (Write(path="/x", recursive=True), "writes `/x` and all below it: creating or changing files inside the write roots"),
    (Connect(host="*"), "connects to hosts that the words do not tell"),
    (Send(provider="p", host="h", model="m", size=1000), "sends 1,000 bytes to `h` (p, model `m`)"),
    (UseConstruct(construct="and_list"), "uses and list"),
    (Unknown(why="it is not known", subject=""), "it is not known"),
]


@pytest.mark.parametrize(("effect", "text"), WORDS)
def test_an_effect_is_described_in_plain_words(effect: Effect, text: str) -> None:
    assert describe(effect, "write.inside") == text


def test_the_effective_policy_shows_every_value_with_its_origin() -> None:
    rows = explain.show(POLICY)
    assert [row for row in rows if not row[2]] == []
    assert ("limits.read_bytes", 1_000_000, POLICY.origins["limits.read_bytes"]) in rows
    assert {f"defaults.{kind}" for kind in MEANINGS} <= {name for name, _, _ in rows}


def test_the_effective_policy_is_json_too() -> None:
    shown = json.loads(json.dumps(explain.as_json(POLICY)))
    assert shown["digest"] == POLICY.digest
    assert shown["values"]["limits.read_bytes"][0]["value"] == 1_000_000
    push = next(rule for rule in shown["rules"] if rule["id"] == "git.push")
    assert push["source"].startswith("presets/sets/git.yaml:")
    assert "push" in push["match"]["subcommand"]


def test_a_rule_is_explained_with_its_examples() -> None:
    text = explain.explain(POLICY, "git.push")
    assert text.startswith("git.push: deny (blocked by name)")
    assert "    git stash push" in text
    assert "From presets/sets/git.yaml:" in text


@pytest.mark.parametrize("name", [*explain.REASONS, "shell.background", "default.connect", "default.read.inside"])
def test_a_reason_that_is_no_rule_is_explained_too(name: str) -> None:
    assert explain.explain(POLICY, name).startswith(name)


def test_a_reason_that_is_not_there_is_named() -> None:
    with pytest.raises(PolicyError, match=r"no rule `git\.puhs`") as caught:
        explain.explain(POLICY, "git.puhs")
    assert caught.value.hint == "did you mean `git.push`?"


def test_a_send_is_judged_by_its_default() -> None:
    (reason,) = _judge(Send(provider="p", host="h", model="m", size=1)).reasons
    assert (reason.rule, reason.verdict) == ("default.send", Verdict.ALLOW)


def test_a_pattern_without_a_literal_name_is_tried_on_every_path() -> None:
    assert paths.globs(("[ab]*",)).match("/x/abc")
    assert not paths.globs(("[ab]*",)).match("/x/cab")
    assert paths.globs(("x\\ ",)).match("/x ")


def test_a_rule_without_examples_is_explained_without_them() -> None:
    text = explain.explain(_with(replace(_rule(Verdict.DENY, host=("x",)), suggest=None)), "x.rule")
    assert text == "x.rule: deny\n\nbecause\n\nFrom f:1"
