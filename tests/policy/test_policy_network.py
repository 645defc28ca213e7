"""The list of hosts: what an entry may be, which connections it allows, and what of it is granted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy import engine
from bylaw.policy.actions import RunCommand
from bylaw.policy.analysis import Analysis
from bylaw.policy.decision import Decision, Verdict
from bylaw.policy.effects import Connect, Effect, Execute
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import Override, load
from bylaw.policy.model import Policy
from bylaw.policy.network import entry
from bylaw.policy.plan import Plan
from bylaw.policy.words import describe

MAKE = Execute(program="make", argv=("make",), path="/usr/bin/make", origin="workspace")


def _policy(directory: Path, network: str, *rules: str, extends: str = "balanced") -> Policy:
    lines = ["version: 1", f"extends: {extends}", f"network: {network}"]
    if rules:
        lines += ["rules:", *(f"  - {{id: my.rule{number}, because: the test says so, {rule}}}" for number, rule in enumerate(rules))]
    (directory / "p.yaml").write_text("\n".join(lines) + "\n")
    return load(files=(str(directory / "p.yaml"),), workspace=WORKSPACE, home=HOME)


def _judge(policy: Policy, *effects: Effect) -> Decision:
    return engine.judge(Analysis(effects=effects, plan=Plan(steps=())), policy, synthetic_scope(), tool="bash")


def _run(policy: Policy, command: str) -> Decision:
    return engine.decide(RunCommand(command=command), policy, synthetic_scope())


# --- entries --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("packages.example:443", "packages.example:443"),
        ("Packages.example.:443", "packages.example:443"),
        ("*.Example.org:8443", "*.example.org:8443"),
        ("[2001:DB8:0::1]:443", "[2001:db8::1]:443"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:1", "[::1]:1"),
        ("10.0.0.5:65535", "10.0.0.5:65535"),
        ("registry:5000", "registry:5000"),
        ("a_b.example.org:80", "a_b.example.org:80"),
        ("xn--bcher-kva.example:443", "xn--bcher-kva.example:443"),
    ],
)
def test_a_host_and_a_port_are_kept_as_hosts_are_compared(text: str, made: str) -> None:
    assert entry(text, "f:1") == made
    assert entry(made, "f:1") == made


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("https://packages.example:443", "is an address of the web", "write `host:port`"),
        ("packages.example:443/simple", "is an address of the web", "write `host:port`"),
        ("me@packages.example:443", "is an address of the web", "write `host:port`"),
        ("packages.example", "has no port", "such as `packages.example:443`"),
        (":443", "has no port", "write `host:port`"),
        ("packages.example:", "has no port", "write `host:port`"),
        ("packages.example:0", "has no port from 1 to 65535", "write `host:port`"),
        ("packages.example:65536", "has no port from 1 to 65535", "write `host:port`"),
        ("packages.example:0443", "has no port", "write `host:port`"),
        ("packages.example:\u0664\u0664\u0663", "has no port", "write `host:port`"),
        ("packages.example:https", "has no port", "write `host:port`"),
        ("*:443", "names no host", "write `host:port`"),
        ("*.org:443", "names no host", "write `host:port`"),
        ("a.*.org:443", "names no host", "write `host:port`"),
        ("*example.org:443", "names no host", "write `host:port`"),
        ("b\u00fccher.example:443", "names no host", "write `host:port`"),
        ("a b.org:443", "names no host", "write `host:port`"),
        ("a..org:443", "names no host", "write `host:port`"),
        ("-a.org:443", "names no host", "write `host:port`"),
        (f"{'a' * 64}.org:443", "names no host", "write `host:port`"),
        (f"{'a.' * 130}org:443", "names no host", "write `host:port`"),
        ("2001:db8::1:443", "has more than one colon", "in brackets"),
        ("[127.0.0.1]:80", "is no address", "in brackets"),
        ("localhost:8080", "is a name of this machine", "write `127.0.0.1:8080`"),
        ("x.LOCALHOST:8080", "is a name of this machine", "write `127.0.0.1:8080`"),
        ("127.1:80", "is no address", "all four numbers"),
        ("2130706433:80", "is no address", "all four numbers"),
        ("0x7f.1:80", "is no address", "all four numbers"),
        ("a.0x7f:80", "is no address", "all four numbers"),
        ("0177.0.0.1:80", "is no address", "all four numbers"),
        ("[127.0.0.1.5]:80", "is no address", "in brackets"),
        ("[::ffff:127.0.0.1]:80", "is an address within another", "write `127.0.0.1` itself"),
        ("[2001:db8::1%1]:80", "is an address within another", "itself"),
        ("169.254.169.254:80", "is an address that is never reached", "leave it out"),
        ("[fe80::1]:80", "is an address that is never reached", "leave it out"),
        ("[fd00:ec2::254]:80", "is an address that is never reached", "leave it out"),
        ("224.0.0.1:80", "is an address that is never reached", "leave it out"),
        ("0.0.0.0:80", "is an address that is never reached", "leave it out"),
    ],
)
def test_what_is_no_host_and_port_is_refused_with_the_way_out(text: str, message: str, hint: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        entry(text, "f:1")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.source == "f:1"


@given(st.one_of(st.text(max_size=40), st.text(alphabet="a0.:*[]-_x%@/", max_size=20)))
def test_no_text_makes_an_entry_raise_anything_else_and_an_entry_stays_one(text: str) -> None:
    try:
        made = entry(text, "f:1")
    except PolicyFileError:
        return
    assert entry(made, "f:1") == made


# --- documents and flags --------------------------------------------------------------------------------------------------


def test_no_preset_lists_a_host() -> None:
    for name in ("hardened", "strict", "balanced", "permissive"):
        assert load(name, workspace=WORKSPACE, home=HOME).network == ()


def test_a_list_takes_the_place_of_the_one_below_and_none_takes_it_back(tmp_path: Path) -> None:
    for name, network in (("one", "[a.org:443, b.org:443]"), ("two", "[c.org:443]"), ("three", "none"), ("four", "")):
        (tmp_path / name).write_text(f"version: 1\nnetwork: {network}\n")

    def listed(*names: str) -> tuple[str, ...]:
        return load(files=tuple(str(tmp_path / name) for name in names), workspace=WORKSPACE, home=HOME).network

    assert listed("one") == ("a.org:443", "b.org:443")
    assert listed("one", "two") == ("c.org:443",)
    assert listed("one", "three") == ()
    assert listed("one", "four") == ("a.org:443", "b.org:443")


def test_a_host_of_the_command_line_is_added_and_both_keep_where_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nnetwork:\n  - A.org:443\n  - a.org:443\n")
    flag = {"allow_host": Override(["b.org:80"], "--allow-host")}
    policy = load(files=(str(tmp_path / "p.yaml"),), overrides=flag, workspace=WORKSPACE, home=HOME)
    assert policy.network == ("a.org:443", "b.org:80")
    assert policy.origins["network[0]"] == f"{tmp_path}/p.yaml:4"
    assert policy.origins["network[1]"] == "--allow-host"
    assert load(overrides=flag, workspace=WORKSPACE, home=HOME).network == ("b.org:80",)


@pytest.mark.parametrize(
    ("network", "place", "message"),
    [
        ("[a.org]", ":3", "`a.org` in `network` has no port"),
        ("all", ":3:1", "`network` should be a valid list"),
        ("[1]", ":3:11", "`network[0]` should be a valid string"),
    ],
)
def test_a_list_that_cannot_be_used_is_refused_at_its_line(tmp_path: Path, network: str, place: str, message: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        _policy(tmp_path, network)
    assert caught.value.source.startswith(f"{tmp_path}/p.yaml{place}")
    assert message in caught.value.message


def test_a_flag_that_names_no_host_is_refused_by_its_name() -> None:
    with pytest.raises(PolicyFileError, match="has no port") as caught:
        load(overrides={"allow_host": Override(["a.org"], "--allow-host")}, workspace=WORKSPACE, home=HOME)
    assert caught.value.source == "--allow-host"


# --- what it allows -------------------------------------------------------------------------------------------------------


def test_a_listed_host_and_port_is_allowed_by_its_line_and_no_other_is(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "[example.org:443]", extends="strict")
    decision = _judge(policy, Connect(host="example.org", port=443))
    (reason,) = decision.reasons
    assert (reason.rule, reason.verdict, reason.source) == ("network.allowed", Verdict.ALLOW, f"{tmp_path}/p.yaml:3")
    assert decision.manifest.hosts == ("example.org:443",)
    for host, port in (("example.org", 80), ("example.org", None), ("a.example.org", 443), ("xexample.org", 443), ("*.example.org", 443)):
        assert _judge(policy, Connect(host=host, port=port)).verdict is Verdict.DENY


def test_without_a_port_both_ports_of_the_web_must_be_listed(tmp_path: Path) -> None:
    assert _judge(_policy(tmp_path, "[a.org:443]"), Connect(host="a.org")).verdict is Verdict.CONFIRM
    both = _judge(_policy(tmp_path, "[a.org:443, a.org:80]"), Connect(host="a.org"))
    assert both.verdict is Verdict.ALLOW
    assert both.manifest.hosts == ("a.org",)


def test_a_wildcard_is_every_name_below_and_not_the_domain_itself(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "['*.example.org:443']")
    assert _judge(policy, Connect(host="a.b.example.org", port=443)).verdict is Verdict.ALLOW
    assert _judge(policy, Connect(host="example.org", port=443)).verdict is Verdict.CONFIRM
    assert _judge(policy, Connect(host="badexample.org", port=443)).verdict is Verdict.CONFIRM


def test_an_address_is_compared_as_an_address(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "['[2001:db8::1]:8443']")
    decision = _run(policy, "curl -g https://[2001:DB8:0:0::1]:8443/x")
    assert decision.verdict is Verdict.ALLOW
    assert decision.manifest.hosts == ("[2001:db8::1]:8443",)
    assert _run(policy, "curl -g https://[2001:db8::2]:8443/x").verdict is Verdict.CONFIRM


def test_a_rule_that_denies_or_asks_still_does(tmp_path: Path) -> None:
    denied = _policy(tmp_path, "[a.org:443]", "verdict: deny, match: {host: a.org}")
    assert _judge(denied, Connect(host="a.org", port=443)).verdict is Verdict.DENY
    asked = _policy(tmp_path, "[a.org:443]", "verdict: confirm, match: {effect: connect}")
    assert _judge(asked, Connect(host="a.org", port=443)).verdict is Verdict.CONFIRM


def test_hosts_that_the_words_do_not_tell_are_those_of_the_list(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "[a.org:443, '*.b.org:443', '[::1]:5000']", extends="permissive")
    decision = _run(policy, "npm install left-pad")
    assert decision.verdict is Verdict.ALLOW
    assert decision.manifest.hosts == ("*.b.org:443", "[::1]:5000", "a.org:443")
    assert [one.address for one in decision.effects if isinstance(one, Connect)] == ["a.org:443", "*.b.org:443", "[::1]:5000"]
    assert _run(load("permissive", workspace=WORKSPACE, home=HOME), "npm install left-pad").manifest.hosts == ("*",)


def test_the_same_untold_host_twice_is_written_down_once(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "[a.org:443]")
    decision = _judge(policy, Connect(host="*"), Connect(host="*"), Connect(host="b.org", port=443))
    assert decision.effects == (Connect(host="a.org", port=443), Connect(host="b.org", port=443))
    assert decision.verdict is Verdict.CONFIRM


@pytest.mark.parametrize("pattern", ["bad.b.org", "*.bad.b.org", "*.b.org", "*.org", "bad.*", "?ad.b.org", "*"])
def test_a_rule_for_one_of_the_names_of_a_wildcard_denies_what_may_reach_it(tmp_path: Path, pattern: str) -> None:
    policy = _policy(tmp_path, "['*.b.org:443']", f"verdict: deny, match: {{host: '{pattern}'}}")
    assert _judge(policy, Connect(host="*")).verdict is Verdict.DENY
    assert _judge(policy, MAKE).manifest.hosts == ()


@pytest.mark.parametrize("pattern", ["b.org", "bad.c.org", "*.c.org", "xb.org"])
def test_a_rule_for_no_name_of_a_wildcard_leaves_it(tmp_path: Path, pattern: str) -> None:
    policy = _policy(tmp_path, "['*.b.org:443']", f"verdict: deny, match: {{host: '{pattern}'}}")
    assert _judge(policy, Connect(host="*")).verdict is Verdict.ALLOW


def test_an_allow_for_one_name_allows_no_wildcard(tmp_path: Path) -> None:
    policy = _policy(tmp_path, "none", "verdict: allow, match: {host: a.b.org}")
    assert _judge(policy, Connect(host="*.b.org", port=443)).verdict is Verdict.CONFIRM


# --- code of the workspace ------------------------------------------------------------------------------------------------


def test_code_of_the_workspace_reaches_the_listed_hosts_but_those_that_a_rule_denies_or_asks_about(tmp_path: Path) -> None:
    policy = _policy(
        tmp_path,
        "[a.org:443, b.org:443, c.org:443]",
        "verdict: deny, match: {host: b.org}",
        "verdict: confirm, match: {tool: bash, host: c.org}",
        "verdict: allow, match: {host: a.org}",
    )
    decision = _judge(policy, MAKE)
    assert decision.verdict is Verdict.CONFIRM
    assert decision.manifest.hosts == ("a.org:443",)


def test_a_command_that_is_accounted_for_gets_no_host_of_the_list(tmp_path: Path) -> None:
    assert _run(_policy(tmp_path, "[a.org:443]"), "cat README.md").manifest.hosts == ()


# --- ports ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        ("curl https://example.org/x", ("example.org:443",)),
        ("curl http://Example.org./x", ("example.org:80",)),
        ("curl https://example.org:8443/x", ("example.org:8443",)),
        ("curl example.org", ("example.org",)),
        ("curl example.org:81", ("example.org:81",)),
        ("curl ftp://example.org/x", ("example.org:21",)),
        ("curl https://example.org:99999/x", ("*",)),
        ("curl https://example.org:123456/x", ("*",)),
        ("curl -g https://[::1%1]:8/x", ("[::1]:8",)),
        ("curl -g https://[1-3]/x", ("*",)),
        ("curl https://./x", ("*",)),
    ],
)
def test_the_port_of_an_address_reaches_the_manifest(command: str, hosts: tuple[str, ...]) -> None:
    policy = load("permissive", workspace=WORKSPACE, home=HOME)
    assert _run(policy, command).manifest.hosts == hosts


def test_a_connection_is_said_with_its_port() -> None:
    assert describe(Connect(host="a.org", port=443), "connect") == "connects to `a.org:443`"
    assert describe(Connect(host="::1"), "connect") == "connects to `[::1]`"
