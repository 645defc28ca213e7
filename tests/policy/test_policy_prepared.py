"""A policy from the store is the one that its documents make now, or it is made anew."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bylaw.policy import prepared as room
from bylaw.policy import shipped, store
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.examples import HOME, WORKSPACE, synthetic_scope
from bylaw.policy.layers import Override, load
from bylaw.policy.model import Policy
from bylaw.policy.paths import read_kind
from bylaw.policy.prepared import Request, prepared
from bylaw.policy.records import replace
from shelf import Shelf

REQUEST = Request(preset=None, files=(), values={}, workspace=WORKSPACE, home=HOME, own_directories=("/state/bylaw",))


def served(request: Request, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Policy:
    """What the shelf has; fails where a document would be read."""

    def refuse(*_: object) -> Policy:
        pytest.fail("the policy was made anew")

    with monkeypatch.context() as patch:
        patch.setattr(room, "_load", refuse)
        return prepared(request, shelf)


@pytest.mark.parametrize("preset", shipped.PRESETS)
def test_a_kept_policy_is_the_one_that_the_documents_make(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf, request = Shelf(), replace(REQUEST, preset=preset)
    made = load(preset, workspace=WORKSPACE, home=HOME, own_directories=("/state/bylaw",))
    assert prepared(request, None) == made
    assert prepared(request, shelf) == made
    kept = served(request, shelf, monkeypatch)
    assert kept == made
    assert kept.digest == made.digest
    assert kept.origins == made.origins
    assert read_kind(f"{HOME}/.ssh/config", kept.paths, synthetic_scope()) == "read.secret"


def test_what_a_document_says_of_the_sandbox_survives_being_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, shelf = tmp_path / "p.yaml", Shelf()
    document.write_text(
        "version: 1\nnetwork: [a.org:443]\ncaches: read\nsandbox: {launcher: [/bin/x, '{shell}']}\n"
        "limits: {processes: 9, hard_links: refuse, session_files: 3}\npaths: {toolchains: [/opt/x], caches: [/opt/y]}\n"
    )
    request = replace(REQUEST, files=(str(document),))
    made = prepared(request, shelf)
    kept = served(request, shelf, monkeypatch)
    assert kept == made
    assert (kept.network, kept.caches, kept.sandbox.launcher) == (("a.org:443",), "read", ("/bin/x", "{shell}"))
    assert (kept.limits.processes, kept.limits.hard_links, kept.limits.session_files) == (9, "refuse", 3)
    assert ("/opt/x" in kept.paths.toolchains, "/opt/y" in kept.paths.caches) == (True, True)


def test_an_edited_policy_file_never_gets_the_old_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, shelf = tmp_path / "p.yaml", Shelf()
    request = replace(REQUEST, files=(str(document),))
    document.write_text("version: 1\nlimits: {read_bytes: 2000}\n")
    assert prepared(request, shelf).limits.read_bytes == 2000
    assert served(request, shelf, monkeypatch).limits.read_bytes == 2000
    document.write_text("version: 1\nlimits: {read_bytes: 3000}\n")
    assert prepared(request, shelf).limits.read_bytes == 3000
    document.write_text("version: 1\nlimits: {read_bytes: 2000}\n")
    assert served(request, shelf, monkeypatch).limits.read_bytes == 2000
    document.write_text("version: 1\nlimits: {read_bytes: no}\n")
    with pytest.raises(PolicyFileError, match="read_bytes"):
        prepared(request, shelf)
    document.unlink()
    with pytest.raises(PolicyFileError, match="cannot be read"):
        prepared(request, shelf)


@pytest.mark.parametrize(
    "other",
    [
        {"preset": "strict"},
        {"preset": "balanced"},
        {"workspace": "/elsewhere"},
        {"home": "/home/other"},
        {"own_directories": ()},
        {"values": {"limits.read_bytes": (5000, "--max-file-read-bytes")}},
        {"values": {"allow_command": (["tokei"], "--allow-command")}},
        {"values": {"allow_host": (["a.org:443"], "--allow-host")}},
        {"values": {"sandbox.launcher": (["/bin/x", "{shell}"], "--sandbox-command")}},
    ],
)
def test_another_request_never_gets_this_policy(other: dict[str, object]) -> None:
    shelf = Shelf()
    prepared(REQUEST, shelf)
    request = replace(REQUEST, **other)
    made = prepared(request, shelf)
    assert len(shelf.entries) == 2
    overrides = {name: Override(*value) for name, value in request.values.items()}
    assert made == load(
        request.preset, overrides=overrides, workspace=request.workspace, home=request.home, own_directories=request.own_directories
    )


def test_other_code_never_gets_this_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf()
    prepared(REQUEST, shelf)
    monkeypatch.setattr(room, "code_stamp", lambda: ("another version",))
    prepared(REQUEST, shelf)
    assert len(shelf.entries) == 2
    monkeypatch.setattr(room, "code_stamp", lambda: None)
    prepared(REQUEST, shelf)
    assert len(shelf.entries) == 2


def test_an_edited_shipped_document_never_gets_the_old_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = tmp_path / "presets"
    shutil.copytree(store.DOCUMENTS[0], copies, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(room, "DOCUMENTS", (str(copies), str(copies / "sets")))
    shelf = Shelf()
    prepared(REQUEST, shelf)
    with (copies / "sets" / "git.yaml").open("a") as file:
        file.write("# edited\n")
    prepared(REQUEST, shelf)
    assert len(shelf.entries) == 2
    shutil.rmtree(copies)
    prepared(REQUEST, shelf)
    assert len(shelf.entries) == 2


def test_a_policy_whose_documents_changed_while_it_was_made_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["before", "after"])

    def key(*_: object) -> str:
        return next(keys)

    monkeypatch.setattr(room, "_key", key)
    shelf = Shelf()
    assert prepared(REQUEST, shelf).name == "balanced"
    assert not shelf.entries


def test_a_profile_that_changed_lets_the_examples_of_a_user_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, shelf = tmp_path / "p.yaml", Shelf()
    document.write_text("version: 1\n")
    request = replace(REQUEST, files=(str(document),))
    prepared(request, shelf)
    monkeypatch.setattr(room, "PROFILES", str(tmp_path))
    prepared(request, shelf)
    assert len(shelf.entries) == 2


def test_a_root_that_leads_elsewhere_by_now_is_resolved_again(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    link, document, shelf = tmp_path / "link", tmp_path / "p.yaml", Shelf()
    link.symlink_to(tmp_path / "one")
    document.write_text(f"version: 1\npaths: {{read: ['{link}']}}\n")
    request = replace(REQUEST, files=(str(document),))
    assert str(tmp_path / "one") in prepared(request, shelf).paths.read
    link.unlink()
    link.symlink_to(tmp_path / "two")
    assert str(tmp_path / "two") in prepared(request, shelf).paths.read
    assert str(tmp_path / "two") in prepared(request, shelf).paths.read


def test_the_path_of_a_flag_must_be_there_at_every_start(tmp_path: Path) -> None:
    granted, shelf = tmp_path / "more", Shelf()
    granted.mkdir()
    request = replace(REQUEST, values={"allow_path": ([str(granted)], "--allow-path")})
    assert str(granted) in prepared(request, shelf).paths.write
    granted.rmdir()
    with pytest.raises(PolicyFileError, match="cannot be found"):
        prepared(request, shelf)


@pytest.mark.parametrize("odd", [b"", b"\0", store.pack("text"), store.pack(("a", (), {"x": "y"})), store.pack((1, 2))])
def test_an_odd_entry_is_no_entry(odd: bytes) -> None:
    shelf = Shelf()
    made = prepared(REQUEST, shelf)
    (place,) = shelf.entries
    shelf.entries[place] = odd
    assert prepared(REQUEST, shelf) == made
    assert shelf.entries[place] != odd
