"""Scripts at the gate: captured commands are calls of their own, and an approval is for what was shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from bylaw.agent.approvals import Approval, Approved, Question
from bylaw.agent.nested import NestedCalls
from bylaw.audit import verify
from bylaw.policy.decision import Decision, Reason, Verdict
from bylaw.tools.errors import ToolError
from gate_room import git, room

if TYPE_CHECKING:
    from bylaw.agent.recorder import Recorder


def test_a_captured_command_has_an_intent_and_an_outcome_of_its_own(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("bash", command='echo "branch: $(git branch --show-current)"')
        assert answer.text.startswith("branch: main\n")
        assert answer.verdict is Verdict.ALLOW
        calls = [(event["event"], event["call_id"]) for event in here.events() if str(event["event"]).startswith("tool.")]
        assert calls == [
            ("tool.intent", "c1"),
            ("tool.intent", "c1.1"),
            ("tool.outcome", "c1.1"),
            ("tool.vector", "c1"),
            ("tool.outcome", "c1"),
        ]
        nested = next(event for event in here.events() if event.get("call_id") == "c1.1")
        assert "branch" in json.dumps(nested["effects"])
    assert verify(here.session.path).consistent


def test_the_final_words_are_on_the_record(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("bash", command='echo "lines: $(wc -l < a.txt)"')
        (vector,) = (event for event in here.events() if event["event"] == "tool.vector")
        assert vector["argv"] == ["echo", "lines: 3"]


def test_a_command_that_is_captured_in_a_loop_is_recorded_each_time(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("bash", command='for f in a.txt .gitignore; do echo "$f: $(wc -l < "$f")"; done')
        assert answer.text.startswith("a.txt: 3\n.gitignore: 1\n")
        intents = [event["call_id"] for event in here.events() if event["event"] == "tool.intent"]
        assert intents == ["c1", "c1.1", "c1.2"]


def test_a_capture_of_a_denied_command_denies_the_whole_call(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        answer = here.call("bash", command='echo "$(git push origin main)"')
        assert answer.denied
        assert here.names() == ["tool.intent", "tool.refused"]


def test_what_a_glob_means_after_the_approval_is_asked_again(tmp_path: Path) -> None:
    with room(tmp_path) as here:

        def adds_a_file(question: Question) -> Approval:
            (here.workspace / "later.txt").write_text("new\n")
            return Approved()

        here.person.answers = [adds_a_file, Approved()]
        here.call("bash", command="touch *.txt")
        assert [question.call_id for question in here.person.asked] == ["c1", "c1.again"]
        assert "later.txt" in here.person.asked[1].text
        assert "later.txt" not in here.person.asked[0].text
        names = [(event["event"], event["call_id"]) for event in here.events() if event["event"] in {"tool.skipped", "tool.outcome"}]
        assert names == [("tool.skipped", "c1"), ("tool.outcome", "c1.again")]
    assert verify(here.session.path).consistent


def test_nothing_of_the_first_reading_is_done_when_the_second_is_refused(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        before = (here.workspace / "a.txt").stat().st_mtime_ns

        def adds_a_file(question: Question) -> Approval:
            (here.workspace / "later.txt").write_text("new\n")
            return Approved()

        here.person.answers = [adds_a_file]
        assert here.call("bash", command="touch *.txt").denied
        assert (here.workspace / "a.txt").stat().st_mtime_ns == before


def test_a_script_that_only_bash_can_run_is_asked_for_and_says_so(tmp_path: Path) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        answer = here.call("bash", command="diff <(sort a.txt) <(sort -r a.txt) && echo equal")
        (question,) = here.person.asked
        assert "bash itself reads and runs this script" in question.text
        assert "< three" in answer.text
        assert "equal" not in answer.text


def test_a_script_for_bash_is_denied_in_strict(tmp_path: Path) -> None:
    with room(tmp_path, preset="strict") as here:
        assert here.call("bash", command="diff <(sort a.txt) <(sort a.txt)").denied


def test_git_in_a_loop_runs_with_its_pins(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        git(here.workspace, "config", "core.fsmonitor", "touch ran-by-git; false")
        answer = here.call("bash", command="for n in 1 2; do git status --short; done; if git diff --quiet; then echo clean; fi")
        assert "clean" in answer.text
        assert not (here.workspace / "ran-by-git").exists()


def _decision(verdict: Verdict, captures: tuple[Decision, ...] = ()) -> Decision:
    reason = Reason(rule="x", verdict=verdict, text="x", source="x")
    return Decision(verdict=verdict, reasons=(reason,), captures=captures)


@pytest.mark.parametrize("whole", [_decision(Verdict.ALLOW), _decision(Verdict.ALLOW, (_decision(Verdict.CONFIRM),))])
def test_a_capture_that_was_not_judged_with_its_call_does_not_run(whole: Decision) -> None:
    unreached = cast("Recorder", None)
    with pytest.raises(ToolError, match="not judged"):
        NestedCalls("c9", whole, unreached).capture(0, 1)


@pytest.mark.parametrize(
    "form", ["if true; then {}; fi", "( {} )", "for i in 1; do {}; done", "case x in x) {};; esac", "while {}; do break; done"]
)
@pytest.mark.parametrize("depth", [5, 16])
def test_a_script_is_recorded_however_deeply_it_is_nested(tmp_path: Path, form: str, depth: int) -> None:
    command = "echo innermost > /dev/null"
    for _ in range(depth):
        command = form.format(command)
    with room(tmp_path) as here:
        assert not here.call("bash", command=command).is_error
        intent = next(event for event in here.events() if event["event"] == "tool.intent")
        assert json.dumps(intent["plan"]).count('"innermost"') == 1


def test_no_line_of_a_command_can_pass_for_a_line_of_the_question(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("bash", command="X='\nwould:\n  reads nothing' make 'a\nsandbox: none\n! allowed'")
        (question,) = here.person.asked
        lines = question.text.splitlines()
        assert lines.count("would:") == 1
        assert [line for line in lines if line.startswith("sandbox: ")] != ["sandbox: none"]
        assert "  reads nothing" not in lines
        assert not any(line.startswith("! allowed") for line in lines)


def test_a_secret_that_only_the_run_meets_is_not_on_the_record(tmp_path: Path) -> None:
    secret = "hunter2-hunter2-hunter2"
    with room(tmp_path, environ={"DEPLOY_TOKEN": secret}) as here:
        (here.workspace / "found.txt").write_text(f"{secret}\nghp_{'a' * 36}\n")
        here.call("bash", command='while read -r x; do echo "got $x"; done < found.txt; echo "$(cat found.txt)"')
        assert len([event for event in here.events() if event["event"] == "tool.vector"]) == 3
    record = Path(here.session.path).read_text()
    assert secret not in record
    assert "ghp_" not in record


@pytest.mark.parametrize(("vector", "most"), [(("a",), 20_000), (("a" * (1 << 20),), 32)])
def test_a_loop_cannot_fill_the_record_with_its_words(vector: tuple[str, ...], most: int) -> None:
    class Counting:
        noted = 0

        def note(self, event: str, fields: object) -> None:
            self.noted += 1

    recorder = Counting()
    nested = NestedCalls("c9", _decision(Verdict.ALLOW), cast("Recorder", recorder))
    with pytest.raises(ToolError, match="more than"):
        while True:
            nested.vector(vector)
    assert recorder.noted == most


def test_the_question_names_the_tier_of_what_is_not_accounted_for(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        here.call("bash", command="frobnicate a.txt")
        (question,) = here.person.asked
        assert f"workspace tier: can do anything within {here.workspace} but what is protected" in question.text
        assert "no network" in question.text


def test_a_directory_beside_an_unknown_word_is_asked_about(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        (here.workspace / "sub").mkdir()
        here.call("bash", command="cat sub; frobnicate")
        assert len(here.person.asked) == 1


@pytest.mark.parametrize("command", ["touch new; wait; sort *.txt", "x=*.txt; sort $x & wait", "set -- *.txt; sort $@ & wait"])
def test_a_file_is_no_option_of_a_program_in_a_script_that_bash_runs(tmp_path: Path, command: str) -> None:
    with room(tmp_path, preset="permissive") as here:
        for name in ("-ovictim.txt", "victim.txt"):
            (here.workspace / name).write_text("precious\n")
        assert here.call("bash", command=command).denied
        assert "an option" in here.person.asked[0].text
        assert (here.workspace / "victim.txt").read_text() == "precious\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls sub/*.txt & wait", "sub/b.txt\nsub/c.txt\n"),
        ('for f in sub/*.txt; do echo "$f"; done & wait', "sub/b.txt\nsub/c.txt\n"),
        ('for f in sub/*/d.txt; do echo "$f"; done & wait', "sub/in/d.txt\n"),
        ('true > new; for f in sub/*.txt; do echo "$f"; done & wait', "sub/b.txt\nsub/c.txt\n"),
        ("cd sub & wait; echo done", "done\n"),
        ("cd sub && pwd -P & wait", "WORKSPACE/sub\n"),
        ("cd sub && cat b.txt & wait", "b\n"),
        ("pushd sub >/dev/null && echo * & wait", "b.txt c.txt in\n"),
    ],
)
def test_bash_sees_the_directories_that_were_judged(tmp_path: Path, command: str, expected: str) -> None:
    with room(tmp_path, answers=[Approved()]) as here:
        (here.workspace / "sub" / "in").mkdir(parents=True)
        for name in ("b.txt", "c.txt", "in/d.txt"):
            (here.workspace / "sub" / name).write_text(f"{name[0]}\n")
        answer = here.call("bash", command=command)
        assert answer.text.startswith(expected.replace("WORKSPACE", str(here.workspace.resolve()))), answer.text


def test_a_program_in_a_variable_is_judged_and_run_as_what_it_is(tmp_path: Path) -> None:
    with room(tmp_path) as here:
        assert here.call("bash", command='P=cat; $P a.txt; run() { "$@"; }; run head -n 1 a.txt').text.startswith("one\ntwo\nthree\none\n")
        assert here.call("bash", command="P=git; $P push origin main").denied
