"""Layers: preset, documents, flags; origins; and every way in which a document can be bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy import documents, shipped
from bylaw.policy.compile import finish
from bylaw.policy.decision import Verdict
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.layers import Override, load
from bylaw.policy.model import LIMIT_BOUNDS, Policy
from bylaw.policy.raw import Raw, RawRule, read_matcher
from bylaw.policy.yaml_source import parse

RULE = """
rules:
  - id: my.rule
    verdict: deny
    match: {program: touch}
    because: touching is not wanted here
"""


def _load(path: Path | None = None, text: str = "", preset: str | None = None, **overrides: Override) -> Policy:
    files: tuple[str, ...] = ()
    if path is not None:
        (path / "p.yaml").write_text(text)
        files = (str(path / "p.yaml"),)
    named = {name.replace("__", "."): one for name, one in overrides.items()}
    return load(preset, files=files, overrides=named, workspace="/workspace", home="/home/user")


def test_without_anything_the_policy_is_balanced() -> None:
    assert _load().name == "balanced"


def test_a_file_overrides_a_value_and_the_origin_says_so(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\nextends: strict\nlimits:\n  read_bytes: 2048\n")
    assert policy.name == "strict"
    assert policy.limits.read_bytes == 2048
    assert policy.limits.write_bytes == 750_000
    assert policy.origins["limits.read_bytes"] == f"{tmp_path}/p.yaml:4"
    assert policy.origins["limits.write_bytes"].startswith("presets/strict.yaml:")


def test_a_flag_overrides_a_file_whatever_its_value(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\nlimits: {command_seconds: 5}\n", limits__command_seconds=Override(120, "--command-timeout"))
    assert policy.limits.command_seconds == 120
    assert policy.origins["limits.command_seconds"] == "--command-timeout"


def test_a_flag_that_equals_another_presets_value_counts() -> None:
    policy = _load(
        preset="hardened", limits__read_bytes=Override(1_000_000, "--max-file-read-bytes"), sandbox__mode=Override("off", "--sandbox")
    )
    assert policy.limits.read_bytes == 1_000_000
    assert policy.sandbox.mode == "off"


def test_allowed_paths_are_roots_of_both_kinds(tmp_path: Path) -> None:
    policy = _load(allow_path=Override([str(tmp_path)], "--allow-path"))
    assert policy.paths.read == ("/workspace", str(tmp_path))
    assert policy.paths.write == ("/workspace", str(tmp_path))
    assert policy.origins["paths.read[1]"] == "--allow-path"


def test_a_link_that_is_allowed_means_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert _load(paths__read=Override([str(tmp_path / "link")], "--allow-path")).paths.read[1] == str(tmp_path / "real")


def test_own_directories_are_secret_and_protected() -> None:
    policy = load(workspace="/workspace", home="/home/user", own_directories=("/state/by law",))
    assert "/state/by\\ law" in policy.paths.secret
    assert "/state/by\\ law" in policy.paths.protected


def test_lists_and_rules_add_up(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\nenvironment: [MY_*]\npaths:\n  secret: ['*.token']\n" + RULE)
    assert "MY_*" in policy.environment
    assert "HOME" in policy.environment
    assert "*.token" in policy.paths.secret
    assert ".env" in policy.paths.secret
    assert {"my.rule", "git.push"} <= {rule.id for rule in policy.rules}


def test_override_takes_out_what_it_names(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\noverride: [git.push, paths.secret]\npaths:\n  secret: ['*.token']\n")
    assert policy.paths.secret == ("*.token",)
    assert "git.push" not in {rule.id for rule in policy.rules}


def test_a_rule_of_the_preset_can_be_replaced_by_name(tmp_path: Path) -> None:
    policy = _load(tmp_path, "version: 1\noverride: [git.push]\n" + RULE.replace("my.rule", "git.push"))
    (rule,) = [rule for rule in policy.rules if rule.id == "git.push"]
    assert rule.because == "touching is not wanted here"


def test_blocked_takes_the_verdict_of_the_policy(tmp_path: Path) -> None:
    text = "version: 1\nextends: permissive\n" + RULE.replace("verdict: deny", "verdict: blocked")
    (rule,) = [rule for rule in _load(tmp_path, text).rules if rule.id == "my.rule"]
    assert rule.verdict is Verdict.CONFIRM
    assert rule.blocked


def test_a_set_that_is_included_twice_counts_once(tmp_path: Path) -> None:
    assert _load(tmp_path, "version: 1\ninclude: [git, git]\n").digest == _load().digest


def test_variables_are_filled_in_and_escaped(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "version: 1\nrules:\n  - id: my.rule\n    verdict: deny\n    match: {path: '{workspace}/x*'}\n"
        "    except: [{path: '{home}/y'}]\n    because: this is mine alone\n"
    )
    policy = load(files=(str(tmp_path / "p.yaml"),), workspace="/w [1]", home="/h*")
    (rule,) = [rule for rule in policy.rules if rule.id == "my.rule"]
    assert rule.match.path == ("/w\\ \\[1\\]/x*",)
    assert rule.excepts[0].path == ("/h\\*/y",)
    assert policy.paths.read == ("/w [1]",)


def test_the_command_line_can_allow_a_program_by_its_name() -> None:
    policy = _load(allow_command=Override(["frob"], "--allow-command"))
    rules = {rule.id: rule for rule in policy.rules if rule.source == "--allow-command"}
    assert set(rules) == {"allow-command.frob", "allow-command.frob.unknown"}
    assert all(rule.verdict is Verdict.ALLOW for rule in rules.values())


GOOD = "version: 1\n"
BAD = [
    ("version: 1\nlimts: {}\n", ":2:1", "the key `limts` is not known", "did you mean `limits`?"),
    ("version: 1\nzzzz: {}\n", ":2:1", "the key `zzzz` is not known", "known here: version"),
    ("version: 2\n", ":1:1", "`version` should be 1, not `2`", "schema"),
    ("limits: {read_bytes: 4096}\n", ":1:1", "the key `version` is missing", "schema"),
    (GOOD + "limits: {read_bytes: 1}\n", ":2:10", "greater than or equal to 1024", "schema"),
    (GOOD + "limits: {read_bytes: 999_999_999}\n", ":2:10", "less than or equal", "schema"),
    (GOOD + "limits: {command_seconds: .nan}\n", ":2:10", "`limits.command_seconds` should be", "schema"),
    (GOOD + "limits:\n  read_bytes: yes\n", ":3:3", "should be a valid integer, not `True`", "schema"),
    (GOOD + "limits:\n  read_bytes: '4096'\n", ":3:3", "should be a valid integer", "schema"),
    (GOOD + "limits: []\n", ":2:1", "`limits`", "schema"),
    (GOOD + "defaults: {connect: alow}\n", ":2:12", "`defaults.connect` should be", "did you mean `allow`?"),
    (GOOD + "defaults: {conect: allow}\n", ":2:12", "the key `defaults.conect` is not known", "did you mean `connect`?"),
    (GOOD + "extends: strikt\n", ":2:1", "`extends` should be", "did you mean `strict`?"),
    (GOOD + "include: [gti]\n", ":2:11", "there is no rule set `gti`", "did you mean `git`?"),
    (GOOD + "override: [git.puhs]\n", ":2:12", "`override` names `git.puhs`", "did you mean `git.push`?"),
    (GOOD + "environment: ['*']\n", ":2:15", "`environment[0]`", "schema"),
    (GOOD + "paths: {read: [relative]}\n", ":2", "no absolute path", "start it with"),
    (GOOD + "paths: {write: [/]}\n", ":2", "would grant the whole machine", "name the directories"),
    (GOOD + "paths: {read: ['{worksapce}']}\n", ":2", "`{worksapce}` is no variable", "did you mean `workspace`?"),
    (GOOD + "paths: {secret: ['!']}\n", ":2", "`!`", ""),
    (GOOD + RULE.replace("deny", "denied"), ":5:5", "`rules[0].verdict` should be", "did you mean `deny`?"),
    (GOOD + RULE.replace("program", "progam"), ":6:13", "the key `rules[0].match.progam` is not known", "did you mean `program`?"),
    (GOOD + RULE.replace("{program: touch}", "{}"), ":6:5", "give at least one field", "schema"),
    (GOOD + RULE.replace("{program: touch}", "{effect: reed}"), ":6:13", "should be", "did you mean `read`?"),
    (GOOD + RULE.replace("because", "becuase"), ":7:5", "`rules[0].becuase` is not known", "did you mean `because`?"),
    (GOOD + RULE.replace("my.rule", "git.push"), ":4:5", "`git.push` is there already, from presets/sets/git.yaml", "override: [git.push]"),
    (GOOD + RULE + RULE.replace("\nrules:", ""), ":9:5", "`my.rule` is there already", "an id of its own"),
    (GOOD + RULE + "    examples: {match: ['ls']}\n", ":4", "does not match its example `ls`", "bylaw check"),
    (GOOD + RULE + "    examples: {not_match: ['touch x']}\n", ":4", "matches `touch x`, which it should not", "bylaw check"),
    (GOOD + RULE + "    examples: {match: ['echo $[1]']}\n", ":4", "is refused before any rule", ""),
    (GOOD + RULE + "    examples: {match: ['@touch {}']}\n", ":4", "is no call: there is no tool `touch`", "the tools are"),
    (GOOD + "limits: {read_bytes: 2048}\nlimits: {}\n", ":3:1", "the key `limits` is given twice", "keep one"),
    (GOOD + "limits: {hard_links: no}\n", ":2:10", "`limits.hard_links` should be 'allow' or 'refuse'", "schema"),
    (GOOD + "limits: {cpu_seconds: 0}\n", ":2:10", "greater than or equal to 1", "schema"),
    (GOOD + "limits: {session_files: 1.5}\n", ":2:10", "`limits.session_files` should be a valid integer", "schema"),
    (GOOD + "caches: overlays\n", ":2:1", "`caches` should be", "did you mean `overlay`?"),
    (GOOD + "sandbox: {launcher: [wrap]}\n", ":2", "`sandbox.launcher` names the program `wrap`", "absolute path"),
    (GOOD + "name: [\n", ":3:1", "not readable as YAML", "check indentation"),
]


@pytest.mark.parametrize(("text", "where", "message", "hint"), BAD, ids=[f"{number}-{one[2]}" for number, one in enumerate(BAD)])
def test_a_bad_document_is_refused_with_place_expectation_and_next_step(
    tmp_path: Path, text: str, where: str, message: str, hint: str
) -> None:
    with pytest.raises(PolicyFileError) as caught:
        _load(tmp_path, text)
    assert caught.value.source.startswith(f"{tmp_path}/p.yaml{where}")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 7


BAD_FLAGS = [
    ("limits.read_bytes", Override(1, "--max-file-read-bytes"), "from 1,024 to 100,000,000, not `1`"),
    ("limits.read_bytes", Override(2000.5, "--max-file-read-bytes"), "a whole number"),
    ("limits.read_bytes", Override(True, "--max-file-read-bytes"), "a number from"),
    ("limits.command_seconds", Override(float("nan"), "--command-timeout"), "a number from"),
    ("limits.command_seconds", Override([], "--command-timeout"), "is a single value"),
    ("limits.regular_files", Override("yes", "--regular-files"), "should be a bool"),
    ("sandbox.mode", Override("of", "--sandbox"), "`sandbox.mode` cannot be `of`"),
    ("allow_path", Override(["/no/such/path"], "--allow-path"), "cannot be found"),
    ("allow_path", Override(["/"], "--allow-path"), "would grant the whole machine"),
    ("allow_path", Override("/usr", "--allow-path"), "is a list"),
    ("allow_command", Override(["*"], "--allow-command"), "names no program"),
    ("allow_command", Override([" ls"], "--allow-command"), "names no program"),
    ("hooks", Override(["skip"], "--hooks"), "cannot be given on the command line"),
    ("limits.processes", Override(7, "--max-processes"), "from 8 to 1,000,000, not `7`"),
    ("limits.memory_bytes", Override(1 << 41, "--max-memory-bytes"), "from 67,108,864 to 1,099,511,627,776"),
    ("limits.hard_links", Override("alow", "--hard-links"), "`limits.hard_links` cannot be `alow`"),
    ("allow_host", Override("a.org:443", "--allow-host"), "is a list"),
    ("sandbox.launcher", Override("/bin/x", "--sandbox-command"), "is a list"),
    ("sandbox.launcher", Override(["x"], "--sandbox-command"), "names the program `x`"),
]


@pytest.mark.parametrize(("name", "override", "message"), BAD_FLAGS)
def test_a_bad_flag_is_refused_by_its_name(name: str, override: Override, message: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        load(overrides={name: override}, workspace="/workspace", home="/home/user")
    assert caught.value.source == override.source
    assert message in caught.value.message


def test_a_preset_that_is_not_there_is_named() -> None:
    with pytest.raises(PolicyFileError, match="there is no preset `balaced`") as caught:
        _load(preset="balaced")
    assert caught.value.hint == "did you mean `balanced`?"


def test_a_file_that_extends_another_preset_than_the_one_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyFileError, match="extends `permissive`, but --preset asks for `strict`"):
        _load(tmp_path, "version: 1\nextends: permissive\n", preset="strict")


def test_a_file_may_leave_what_it_extends_empty(tmp_path: Path) -> None:
    assert _load(tmp_path, "version: 1\nextends:\nlimits:\nrules: []\nopinions:\n").digest == _load().digest


def test_wording_and_order_do_not_change_the_digest_and_values_do(tmp_path: Path) -> None:
    one = RULE + "  - {id: b.rule, verdict: confirm, match: {program: [a, b]}, because: something or other}\n"
    other = "\nrules:\n  - {id: b.rule, verdict: confirm, match: {program: [b, a]}, because: another wording here}\n" + RULE.replace(
        "\nrules:\n", ""
    )
    assert _load(tmp_path, GOOD + one).digest == _load(tmp_path, GOOD + other).digest
    assert _load(tmp_path, GOOD + one).digest != _load(tmp_path, GOOD + one.replace("confirm", "deny")).digest
    assert _load(tmp_path, GOOD + "limits: {read_bytes: 4096}").digest != _load().digest


@pytest.mark.parametrize(
    "value",
    [
        *(f"limits: {{{name}: {int(low) + 1}}}" for name, (low, _) in LIMIT_BOUNDS.items() if name != "command_seconds"),
        "limits: {hard_links: refuse}",
        "network: [a.org:443]",
        "caches: none",
        "sandbox: {launcher: [/bin/x]}",
        "paths: {toolchains: [/opt/x]}",
        "paths: {caches: [/opt/x]}",
    ],
)
def test_every_value_changes_the_digest(tmp_path: Path, value: str) -> None:
    assert _load(tmp_path, GOOD + value).digest != _load().digest


_PARTS = ["limits: {read_bytes: 4096}", "grants: none", RULE.strip(), "include: [git]", "environment: [A, B]"]


@pytest.mark.parametrize("parts", [_PARTS, _PARTS[::-1], _PARTS[2:] + _PARTS[:2]])
def test_the_order_of_keys_means_nothing(tmp_path: Path, parts: list[str]) -> None:
    (tmp_path / "first").mkdir()
    first = _load(tmp_path / "first", "version: 1\n" + "\n".join(_PARTS))
    assert _load(tmp_path, "version: 1\n" + "\n".join(parts)).digest == first.digest


def test_a_policy_that_lacks_a_value_is_refused() -> None:
    with pytest.raises(PolicyFileError, match="is given nowhere"):
        finish(Raw(), workspace="/w", home="/h")


def test_the_schema_names_every_key() -> None:
    schema = documents.schema()
    properties = schema["properties"]
    assert isinstance(properties, dict)
    assert {"limits", "paths", "sandbox", "defaults", "rules", "override", "include", "extends"} <= set(properties)
    assert schema["additionalProperties"] is False


SHIPPED_FAULTS = [
    ("[1]", "a mapping is expected"),
    ("{id: a, match: {program: x}, because: b}", "the key `verdict` is missing"),
    ("{id: a, verdict: no way, match: {program: x}, because: b}", "is no verdict"),
    ("{id: 1, verdict: deny, match: {program: x}, because: b}", "a text is expected"),
    ("{id: a, verdict: deny, match: {progam: x}, because: b}", "the key `progam` is not known"),
    ("{id: a, verdict: deny, match: {}, because: b}", "needs at least one field"),
    ("{id: a, verdict: deny, match: {program: x}, because: b, except: x}", "a list is expected"),
]


@pytest.mark.parametrize(("text", "message"), SHIPPED_FAULTS)
def test_a_rule_that_no_form_was_checked_of_is_refused_all_the_same(text: str, message: str) -> None:
    node = parse(f"rule: {text}", source="x").nodes["rule"]
    with pytest.raises(PolicyFileError) as caught:
        RawRule.read(node, "x", user=False)
    assert message in caught.value.message


def test_a_subcommand_is_read_as_words() -> None:
    assert read_matcher(parse("m: {subcommand: [stash push]}", source="x").nodes["m"], "x").subcommand == (("stash", "push"),)


def test_every_shipped_name_can_be_read() -> None:
    for name in shipped.SETS:
        assert shipped.rule_set(name, source="x").nodes["name"]
