"""tree-sitter-bash is heard in process: what it finds, what it cannot read, and that it is loaded only when asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bylaw.policy.shell import Opinion
from bylaw.policy.shell.opinions import Heard, Unheard
from bylaw.tools.tree_sitter_opinion import TreeSitterOpinion


def heard(*commands: str, substitutions: int = 0, writes: tuple[str, ...] = ()) -> Heard:
    return Heard(commands=frozenset(commands), substitutions=substitutions, writes=frozenset(writes))


HEARD = {
    "": heard(),
    "ls": heard("ls"),
    "é | 'w'c; \\a": heard("é", "'w'c", "\\a"),
    "ls -l | grep x && make || echo no; true & f": heard("ls", "grep", "make", "echo", "true", "f"),
    "A=1 B=2 make all": heard("make"),
    "export A=1 B; unset C; declare -x D=2": heard("export", "unset", "declare"),
    "[ -f a ] && test -f b && [[ -f c ]]": heard("[", "test"),
    "echo $(date) `id` <(ls) >(wc)": heard("echo", "date", "id", "ls", "wc", substitutions=4),
    "echo x > out 2>> err < in 2>&1 3>&-": heard("echo", writes=("out", "err")),
    "echo x &> both; echo y >| 'a b'; echo z &>> c": heard("echo", writes=("both", "'a b'", "c")),
    "if a; then b; else c; fi; while d; do e; done; for i in $(g); do h; done": heard("a", "b", "c", "d", "e", "g", "h", substitutions=1),
    "case $(a) in b) c;; esac; f() { d; }; (e); { g; }": heard("a", "c", "d", "e", "g", substitutions=1),
    "cat <<E > f\n$(a)\nE\nb": heard("cat", "a", "b", substitutions=1, writes=("f",)),
    "cat <<'E'\n$(a)\nE\nb": heard("cat", "b"),
    "cat <<< $(a)": heard("cat", "a", substitutions=1),
    "((1 + 2)); x=$((3 + $(a)))": heard("a", substitutions=1),
    "> f": heard(writes=("f",)),
}


@pytest.mark.parametrize("text", HEARD)
def test_commands_substitutions_and_written_files_are_heard(text: str) -> None:
    assert TreeSitterOpinion().hear(text) == HEARD[text]


@pytest.mark.parametrize("text", ["ls |", "'", "if a; then b", "echo )", "a $(b", "\ud800", "a" * 65_537, "x=(", "a <> b"])
def test_what_it_cannot_read_is_no_opinion(text: str) -> None:
    assert TreeSitterOpinion().hear(text) is None


def test_an_opinion_can_be_asked_again() -> None:
    opinion = TreeSitterOpinion()
    assert [opinion.hear(text) for text in ("ls", "ls |", "ls")] == [heard("ls"), None, heard("ls")]


def test_a_deep_text_does_not_exhaust_the_stack() -> None:
    text = "$(" * 3_000 + "a" + ")" * 3_000
    found = TreeSitterOpinion().hear(f"echo {text}")
    assert found is None or isinstance(found, Heard)


def test_a_parser_that_is_not_there_gives_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tree_sitter_bash", None)
    assert isinstance(TreeSitterOpinion().hear("ls"), Unheard)


def test_it_is_loaded_when_it_is_asked_and_not_before() -> None:
    code = (
        "import sys; from bylaw.tools.opinions import opinions_for; o = opinions_for(('tree-sitter',)); "
        "print('tree_sitter' in sys.modules); o[0].hear('ls'); print('tree_sitter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\nTrue\n"


def test_it_is_an_opinion() -> None:
    spoken: Opinion = TreeSitterOpinion()
    assert spoken.name == "tree-sitter"
