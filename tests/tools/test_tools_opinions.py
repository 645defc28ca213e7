"""bashlex is heard through a helper that cannot hang, cannot be led astray by a workspace, and never raises."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.policy.shell import Opinion
from bylaw.policy.shell.opinions import Heard, Unheard
from bylaw.tools.opinions import BashlexOpinion, opinions_for


@pytest.fixture
def opinion() -> Iterator[BashlexOpinion]:
    one = BashlexOpinion()
    yield one
    one.close()


def children() -> list[str]:
    """The processes that this one started, without the one that forks launchers for the whole run."""
    found = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in found if b"launcher.py" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


HEARD = {
    "ls": Heard(commands=frozenset({"ls"})),
    "ls -l | grep x && make || echo no; true": Heard(commands=frozenset({"ls", "grep", "make", "echo", "true"})),
    "A=1 B=2 make all": Heard(commands=frozenset({"make"})),
    "A=1": Heard(commands=frozenset()),
    "echo $(date) `id` <(ls)": Heard(commands=frozenset({"echo", "date", "id", "ls"}), substitutions=3),
    "echo x > out 2>> err < in 2>&1": Heard(commands=frozenset({"echo"}), writes=frozenset({"out", "err"})),
    "echo x &> both; echo y >| 'a b'": Heard(commands=frozenset({"echo"}), writes=frozenset({"both", "'a b'"})),
    "'l's | \\wc >\"f\"": Heard(commands=frozenset({"'l's", "\\wc"}), writes=frozenset({'"f"'})),
    "if true; then ls; fi; for a in b; do rm $a; done": Heard(commands=frozenset({"true", "ls", "rm"})),
    "(cd x && ls) | { cat; }": Heard(commands=frozenset({"cd", "ls", "cat"})),
    "ls\nmake\n": Heard(commands=frozenset({"ls", "make"})),
}


def test_commands_substitutions_and_written_files_are_heard(opinion: BashlexOpinion) -> None:
    assert {text: opinion.hear(text) for text in HEARD} == HEARD


@pytest.mark.parametrize("text", ["time ls", "cat <<'E'\nx\nE\n", "cat <<E\nx\nE\n", "[[ a ]]", "x=(1)", "", "# only", "ls |", "'"])
def test_what_bashlex_rejects_or_misreads_is_no_opinion(opinion: BashlexOpinion, text: str) -> None:
    assert opinion.hear(text) is None
    assert opinion.silence
    assert opinion.hear("ls") == HEARD["ls"]
    assert opinion.silence is None


def test_a_text_that_makes_bashlex_hang_gets_no_answer_and_the_next_is_heard() -> None:
    opinion = BashlexOpinion(seconds=0.5)
    try:
        opinion.hear("ls")
        before = children()
        assert opinion.hear("echo a'${'") == Unheard(why=opinion.silence or "")
        assert "too" in (opinion.silence or "")
        assert opinion.hear("ls") == HEARD["ls"]
        assert not set(before) & set(children())
    finally:
        opinion.close()


def test_the_helpers_own_limits_end_a_text_that_makes_bashlex_hang(opinion: BashlexOpinion) -> None:
    assert isinstance(opinion.hear("echo a'${'"), Unheard)
    assert opinion.silence == "the helper ended: bashlex took too much memory or time"


def test_bashlex_that_is_not_there_gives_no_answer(opinion: BashlexOpinion, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_name: str) -> None:
        return None

    monkeypatch.setattr("importlib.util.find_spec", nothing)
    assert opinion.hear("ls") == Unheard(why="bashlex is not installed")


def test_a_policy_names_the_parsers_that_are_heard() -> None:
    assert [one.name for one in opinions_for(["tree-sitter", "bashlex", "bashlex"])] == ["bashlex", "tree-sitter"]
    assert opinions_for([]) == ()


def test_a_helper_that_was_killed_is_replaced(opinion: BashlexOpinion) -> None:
    before = children()
    opinion.hear("ls")
    (helper,) = set(children()) - set(before)
    os.kill(int(helper), signal.SIGKILL)
    assert opinion.hear("ls") == HEARD["ls"] or opinion.silence
    assert opinion.hear("ls") == HEARD["ls"]


def test_one_helper_serves_the_session_and_ends_with_it(opinion: BashlexOpinion) -> None:
    before = set(children())
    opinion.hear("ls")
    first = set(children()) - before
    opinion.hear("make")
    assert set(children()) - before == first
    opinion.close()
    assert set(children()) == before


def test_a_helper_ends_with_an_opinion_that_nobody_holds() -> None:
    before = set(children())
    opinion = BashlexOpinion()
    opinion.hear("ls")
    del opinion
    assert set(children()) == before


def test_a_workspace_cannot_slip_a_module_into_the_helper(tmp_path: Path) -> None:
    for name in ("json", "resource", "importlib", "bashlex", "typing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'PWNED')!r}, 'w')\n")
    code = "from bylaw.tools.opinions import BashlexOpinion\no = BashlexOpinion()\nprint(o.hear('ls'))\no.close()\n"
    environment = {"PYTHONPATH": "", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "frozenset({'ls'})" in done.stdout
    assert not (tmp_path / "PWNED").exists()


def test_a_very_large_text_is_answered_in_time(opinion: BashlexOpinion) -> None:
    opinion.hear("echo " + "x " * 30_000)
    assert opinion.hear("ls") == HEARD["ls"]


def test_half_characters_do_not_break_the_helper(opinion: BashlexOpinion) -> None:
    opinion.hear("echo \ud800 \udcff")
    assert opinion.hear("ls") == HEARD["ls"]


def test_it_is_an_opinion(opinion: BashlexOpinion) -> None:
    spoken: Opinion = opinion
    assert spoken.name == "bashlex"
