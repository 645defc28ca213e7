"""The rules of aixgo chat, written as a policy: what is legitimate passes, what gets around them does not."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bylaw.policy.actions import RunCommand
from bylaw.policy.decision import Verdict
from bylaw.policy.engine import decide
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import load
from bylaw.policy.model import Policy

LEGITIMATE = [
    "docker ps --format json",
    "docker run --rm alpine",
    "git show HEAD:src/preset.py",
    "git log -- push.py",
    "git log --grep=reset",
    'grep -E "foo|bar" README.md',
    'grep "a|b" README.md',
    "git log --pretty=format:'%h|%s'",
    'echo "a; b"',
    "echo 'a && b'",
    "jq '.a > 1' README.md",
    "grep 'x > y' README.md",
    "ls 2>&1 | head -5",
    "cat README.md | grep x | sort | uniq | wc -l",
    "ls > /dev/null",
    "ls 2>/dev/null",
    "'ls'",
]

REFUSED = [
    "ls .\ntouch PWN",
    "ls\nrm -rf victimdir",
    "ls . & touch PWN",
    "env sh -c 'touch PWN'",
    'env python3 -c \'open("PWN","w")\'',
    "env xargs -a list.txt touch",
    "find . -maxdepth 0 -exec touch PWN {} +",
    "find README.md -exec sh -c 'touch PWN' {} +",
    "awk 'BEGIN{system(\"touch PWN\")}'",
    "ls | awk '{system(\"touch PWN\")}'",
    "sed '1e touch PWN' README.md",
    "sed 's/.*/touch PWN/e' README.md",
    "sort -S 1 --compress-program=./prog README.md",
    "make --eval='${shell touch PWN}' x",
    "make -f mk",
    "git -c alias.x='!touch PWN' x",
    "git -c core.fsmonitor='touch PWN' status",
    "git ls-remote --upload-pack='touch PWN' .",
    "git grep -O'touch PWN' seed",
    "git difftool -y -x 'touch PWN' HEAD~1 HEAD",
    "git submodule foreach 'cmd'",
    "git bisect run cmd",
    "go run .",
    "go generate",
    "npm run evil",
    "pip install ./evil",
    "docker run -v /:/h alpine cat /h/etc/shadow",
    "poetry run x",
    "cargo run",
    "kubectl exec app -- sh",
    "sort -o PWN README.md",
    "uniq README.md PWN",
    "sed -n 'w PWN' README.md",
    "sed -i s/a/b/ README.md",
    "find . -maxdepth 0 -fprintf PWN x",
    "find . -name victim -delete",
    "git diff --output=PWN HEAD",
    "curl -s -o PWN file:///etc/hostname",
    "echo hi > PWN 2>&1",
    "echo hi > PWN 2>/dev/null",
    "echo hi >> PWN 2>/dev/null",
    "echo hi > PWN #>/dev/null",
    "echo hi > /dev/null/../x",
    "echo hi > /dev/nullX",
    "cat README.md > >(cat > PWN) 2>&1",
    "git pu\\sh origin main",
    'git pu""sh origin main',
    "git ${x:-pu}sh origin main",
    "git $'\\x70ush' origin main",
    'git res"e"t --hard',
    "git send-pack ./bare.git HEAD:refs/heads/pwn",
    "git update-ref -d refs/heads/main",
    "git clean -fdx",
    "git checkout -- .",
    "git branch -D old",
    "git config core.hooksPath evil",
    "git commit --amend",
    "cat /proc/self/environ",
    "cat /etc/shadow",
    "kubectl delete ns prod",
    "aws ec2 terminate-instances --instance-ids i-1",
    "az vm delete",
    "python3 -c 1",
    "tar xf x.tar",
    "FOO=1 ls",
    "/tmp/evil/ls",
    "cat <<< x",
    "wc < README.md",
    "echo $(ls)",
    "ls && pwd",
    "ls || pwd",
    "ls; pwd",
    "cat README.md | cat",
    "ls | tee x",
    "ls |",
]


@cache
def _policy() -> Policy:
    return load(files=(str(Path(__file__).parent / "data" / "aixgo.yaml"),), workspace=WORKSPACE, home=HOME)


@pytest.mark.parametrize("command", LEGITIMATE)
def test_a_legitimate_command_passes(command: str) -> None:
    decision = decide(RunCommand(command=command), _policy(), synthetic_scope())
    assert decision.verdict is Verdict.ALLOW, decision.reasons


@pytest.mark.parametrize("command", REFUSED)
def test_a_way_around_the_rules_does_not_pass(command: str) -> None:
    assert decide(RunCommand(command=command), _policy(), synthetic_scope()).verdict is not Verdict.ALLOW


def test_a_variable_that_no_child_gets_has_nothing_to_show() -> None:
    decision = decide(RunCommand(command="echo $OPENAI_API_KEY"), _policy(), synthetic_scope())
    assert decision.plan is not None
    assert decision.plan.invocations()[0].argv == ("echo",)
