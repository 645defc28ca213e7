"""A launcher of the person's own, as a policy writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bylaw.policy.errors import PolicyFileError
from bylaw.policy.launcher import launcher
from bylaw.policy.layers import Override, load
from bylaw.policy.model import Policy


def _load(directory: Path, words: str) -> Policy:
    (directory / "p.yaml").write_text(f"version: 1\nsandbox: {{launcher: {words}}}\n")
    return load(files=(str(directory / "p.yaml"),), workspace="/workspace", home="/home/user")


def test_a_launcher_is_kept_word_by_word_and_changes_the_digest(tmp_path: Path) -> None:
    policy = _load(tmp_path, "[/usr/bin/wrap, '--dir=a/{cwd}/b', 'x, y', '{shell}', '{command}']")
    assert policy.sandbox.launcher == ("/usr/bin/wrap", "--dir=a/{cwd}/b", "x, y", "{shell}", "{command}")
    assert policy.sandbox.mode == "prefer"
    assert policy.origins["sandbox.launcher"] == f"{tmp_path}/p.yaml:2"
    assert policy.digest != load(workspace="/workspace", home="/home/user").digest
    assert policy.digest != _load(tmp_path, "[/usr/bin/wrap, '{command}', '{shell}']").digest


def test_no_word_is_no_launcher(tmp_path: Path) -> None:
    assert _load(tmp_path, "[]").sandbox.launcher == ()
    assert load("hardened", workspace="/workspace", home="/home/user").sandbox.launcher == ()


def test_the_flag_takes_the_place_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nsandbox: {launcher: [/usr/bin/wrap]}\n")
    given = {"sandbox.launcher": Override(["/usr/bin/other", "{shell}"], "--sandbox-command")}
    policy = load(files=(str(tmp_path / "p.yaml"),), overrides=given, workspace="/workspace", home="/home/user")
    assert policy.sandbox.launcher == ("/usr/bin/other", "{shell}")
    assert policy.origins["sandbox.launcher"] == "--sandbox-command"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("wrap", "{shell}"), "names the program `wrap`", "absolute path"),
        (("./wrap",), "names the program `./wrap`", "absolute path"),
        (("{cwd}/wrap",), "names the program `{cwd}/wrap`", "absolute path"),
        (("/{cwd}/wrap",), "names the program", "absolute path"),
        (("/usr/bin/wrap", ""), "has an empty word", "one word"),
        (("/usr/bin/wrap", "a\0b"), "has an empty word", "one word"),
        (("/usr/bin/wrap", *("x" * 1 for _ in range(256))), "or too many", "one word"),
        (("/usr/bin/wrap", "{shel}"), "has `{shel}`", "known: {shell} {command} {cwd}"),
        (("/usr/bin/wrap", "{}"), "has `{}`", "known:"),
        (("/usr/bin/wrap", "a{b"), "has `{b`", "known:"),
        (("/usr/bin/wrap", "a}b"), "has `}`", "known:"),
        (("/usr/bin/wrap", "-c{command}"), "has `{command}` in the word `-c{command}`", "stand alone"),
        (("/usr/bin/wrap", "{cwd}{shell}"), "has `{shell}` in the word", "stand alone"),
        (("/usr/bin/wrap", "{shell}", "{shell}"), "has `{shell}` twice", "give it once"),
    ],
)
def test_a_launcher_that_cannot_be_used_is_refused_with_the_way_out(words: tuple[str, ...], message: str, hint: str) -> None:
    with pytest.raises(PolicyFileError) as caught:
        launcher(words, "f:1")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.source == "f:1"
