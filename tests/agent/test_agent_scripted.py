from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.agent.errors import ConfigurationError
from bylaw.agent.providers.interface import TextDelta, ToolCall, TurnDone
from bylaw.agent.providers.scripted import ScriptedProvider, read_script

GOOD = """\
- text: I will look around, then say what I found.
  calls:
    - name: bash
      arguments: {command: ls, timeout: 1.5}
    - {name: git_status}
- calls: [{name: bash, arguments: '{"command": "l'}]
- text: Done.
"""


@pytest.fixture
def script(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / "script.yaml"


def test_a_script_is_played_turn_by_turn(script: pathlib.Path) -> None:
    script.write_text(GOOD)
    player = ScriptedProvider.load(str(script))
    turns = [list(player.turn(b"")) for _ in range(4)]
    last = [events[-1] for events in turns]
    assert [one.message.text for one in last if isinstance(one, TurnDone)] == [
        "I will look around, then say what I found.",
        "",
        "Done.",
        "",
    ]
    assert [one.final for one in last if isinstance(one, TurnDone)] == [False, False, True, True]
    pieces = [event.text for event in turns[0] if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert "".join(pieces) == "I will look around, then say what I found."


def test_calls_have_the_same_ids_every_time(script: pathlib.Path) -> None:
    script.write_text(GOOD)
    turns = read_script(str(script))
    assert turns == read_script(str(script))
    assert turns[0].calls == (
        ToolCall(id="call_1_1", name="bash", arguments='{"command": "ls", "timeout": 1.5}'),
        ToolCall(id="call_1_2", name="git_status", arguments="{}"),
    )


def test_arguments_as_text_are_passed_on_as_they_stand(script: pathlib.Path) -> None:
    script.write_text(GOOD)
    assert read_script(str(script))[1].calls[0].arguments == '{"command": "l'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "a script is a list of turns"),
        ("[]", 1, "a script is a list of turns"),
        ("text: hi\n", 1, "a script is a list of turns"),
        ("- hi\n", 1, "a turn is a mapping"),
        ("- {}\n", 1, "a turn has `text`, `calls`, or both"),
        ("- text: a\n- txet: b\n", 2, "a turn has no `txet`"),
        ("- text: a\n  text: b\n", 2, "`text` is given twice"),
        ("- text: 3\n", 1, "`text` is a text"),
        ("- text: [a]\n", 1, "`text` is a text"),
        ("- text: yes\n", 1, "`text` is a text"),
        ("- calls: {}\n", 1, "`calls` is a list of calls"),
        ("- calls: []\n", 1, "`calls` is a list of calls"),
        ("- calls:\n    - ls\n", 2, "a call is a mapping"),
        ("- calls:\n    - arguments: {}\n", 2, "a call has a `name`"),
        ("- calls:\n    - name: bash\n      args: {}\n", 3, "a call has no `args`"),
        ("- calls: [{name: 3}]\n", 1, "`name` is a text"),
        ("- calls: [{name: bash, arguments: [ls]}]\n", 1, "`arguments` is a text"),
        ("- calls: [{name: bash, arguments: {a: 1, a: 2}}]\n", 1, "`a` is given twice"),
        ("- calls: [{name: bash, arguments: {3: 1}}]\n", 1, "a key is a text"),
        ("- calls: [{name: bash, arguments: {at: 2026-01-01}}]\n", 1, "`2026-01-01` has no counterpart in JSON"),
        ("- calls: [{name: bash, arguments: {at: .nan}}]\n", 1, "`.nan` has no counterpart in JSON"),
        ("- calls: [{name: bash, arguments: {a: !!binary aGk=}}]\n", 1, "`aGk=` has no counterpart in JSON"),
        ("- !!python/object:os.system {text: a}\n", 1, "a turn is a mapping"),
        ("- &a {text: x}\n- *a\n", 2, "aliases are not read here"),
        ("- text: 'open\n", 2, "not YAML"),
        ("- text: a\n --- b\n", 2, "not YAML"),
        ('- text: "\\x00"\n- <<: {text: b}\n', 2, "a key is a text"),
    ],
)
def test_a_fault_is_named_with_its_line(script: pathlib.Path, text: str, line: int, message: str) -> None:
    script.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_script(str(script))
    assert str(caught.value).startswith(f"{script}:{line}: {message}")
    assert caught.value.hint
    assert caught.value.exit_code == 7


def test_a_script_that_is_not_there_is_named(script: pathlib.Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_script(str(script))


@pytest.mark.parametrize("raw", [b"- text: \xff\n", b"- text: a\x00\n", b"[" * 5000, b"# " + b"x" * (1024 * 1024)])
def test_bytes_that_are_no_script_are_refused(script: pathlib.Path, raw: bytes) -> None:
    script.write_bytes(raw)
    with pytest.raises(ConfigurationError, match="script"):
        read_script(str(script))


@given(text=st.text(alphabet="-: abct[]{}'\"&*!|>\n#,?3.", max_size=60))
def test_no_text_raises_anything_but_a_configuration_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    script = tmp_path_factory.getbasetemp() / "any.yaml"
    script.write_text(text)
    try:
        read_script(str(script))
    except ConfigurationError as problem:
        assert problem.hint
