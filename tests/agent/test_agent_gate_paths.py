"""Names that are not what they seem, each through the whole gate: with openat2, and with the fallback for kernels without it.

Everybody who is asked says yes, so that only the policy's own no and the tools stand between the model and the file.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bylaw.tools import paths
from gate_room import Room, Yes, make_workspace, room

NFC, NFD = "caf\u00e9", "cafe\u0301"
ODD = os.fsdecode(b"caf\xe9")


@pytest.fixture(params=["openat2", "components"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "components":
        monkeypatch.setattr(paths, "has_openat2", lambda: False)
    elif not paths.has_openat2():
        pytest.skip("no openat2 here")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory beside the workspace with a file that nobody may see or change."""
    directory = tmp_path / "outside"
    directory.mkdir()
    (directory / "f").write_text("canary-outside\n")
    return directory


@pytest.fixture
def here(tmp_path: Path, outside: Path) -> Iterator[Room]:
    with room(tmp_path, person=Yes()) as opened:
        yield opened
    assert [one.name for one in outside.iterdir()] == ["f"]
    assert (outside / "f").read_text() == "canary-outside\n"
    assert (outside / "f").stat().st_mode & 0o777 == 0o644


def refused(here: Room, path: str) -> None:
    """Whether all tools that take a file refuse it and show nothing of what lies outside."""
    names = sorted(os.listdir(os.fsencode(here.workspace)))
    for tool, arguments in (
        ("read", {}),
        ("write", {"content": "x"}),
        ("edit", {"old_string": "canary", "new_string": "x"}),
        ("grep", {"pattern": "canary"}),
    ):
        answer = here.call(tool, path=path, **arguments)
        assert answer.is_error, (tool, answer.text)
        assert "canary-outside" not in answer.text, tool
    assert not any("canary-outside" in question.text for question in here.person.asked)
    assert sorted(os.listdir(os.fsencode(here.workspace))) == names


def test_a_dangling_link_that_leads_out_creates_nothing(here: Room, outside: Path) -> None:
    (here.workspace / "dangling").symlink_to(outside / "new")
    refused(here, "dangling")


def test_a_dangling_link_that_leads_inside_is_refused_and_stays(here: Room) -> None:
    (here.workspace / "dangling").symlink_to("new")
    assert here.call("write", path="dangling", content="x").denied
    assert os.readlink(here.workspace / "dangling") == "new"
    assert not (here.workspace / "new").exists()


def test_a_linked_parent_leads_nowhere(here: Room, outside: Path) -> None:
    (here.workspace / "link").symlink_to(outside)
    for path in ("link/f", "link/new", "link/../outside/f", "link/deep/new"):
        refused(here, path)
    for tool, arguments in (("ls", {}), ("find", {"pattern": "*"}), ("grep", {"pattern": "canary"})):
        assert here.call(tool, path="link", **arguments).is_error


@pytest.mark.parametrize(
    "path", ["missing/../../outside/f", "missing/../../outside/new", "missing/../new", "a.txt/../new", "../outside/f", "../outside/new"]
)
def test_dots_behind_what_is_missing_or_outside_are_refused(here: Room, path: str) -> None:
    refused(here, path)


def test_a_name_that_begins_with_two_dots_is_a_name(here: Room) -> None:
    assert not here.call("write", path="..foo", content="legal\n").is_error
    assert "legal" in here.call("read", path="..foo").text
    assert (here.workspace / "..foo").read_text() == "legal\n"


@pytest.mark.parametrize("preset", ["balanced", "permissive"])
@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/root/etc/hostname",
        "/proc/self/cwd/a.txt",
        "/proc/self/fd/0",
        "/dev/fd/0",
        "/dev/fd/5",
        "/proc/1/environ",
        "/proc/self/environ",
    ],
)
def test_a_magic_link_is_no_way_to_a_file(tmp_path: Path, path: str, preset: str) -> None:
    with room(tmp_path, preset=preset, person=Yes()) as here:
        for tool, arguments in (("read", {}), ("write", {"content": "x"})):
            answer = here.call(tool, path=path, **arguments)
            assert answer.is_error, (tool, answer.text)


@pytest.mark.parametrize("path", ["fifo", "sock", "/dev/zero", "/dev/null", "/dev/stdin", "/dev/tty"])
def test_what_is_no_regular_file_is_refused_without_waiting(here: Room, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    os.mkfifo(here.workspace / "fifo")
    monkeypatch.chdir(here.workspace)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("sock")
        refused(here, path)


def test_where_the_policy_lets_pipes_be_read_one_is_still_not_replaced_or_waited_for(tmp_path: Path) -> None:
    with room(tmp_path, preset="permissive", person=Yes()) as here:
        os.mkfifo(here.workspace / "fifo")
        assert here.call("read", path="fifo").text == "[the file is empty]"
        assert "a named pipe" in here.call("write", path="fifo", content="x").text
        assert "a named pipe" in here.call("edit", path="fifo", old_string="a", new_string="b").text


def test_names_that_differ_in_case_are_told_apart(here: Room) -> None:
    (here.workspace / "Name").write_text("upper\n")
    (here.workspace / "name").write_text("lower\n")
    assert "upper" in here.call("read", path="Name").text
    assert "does not exist" in here.call("read", path="NAME").text
    here.call("edit", path="name", old_string="lower", new_string="changed")
    assert (here.workspace / "Name").read_text() == "upper\n"
    assert (here.workspace / "name").read_text() == "changed\n"


def test_names_that_differ_in_composition_are_told_apart(here: Room) -> None:
    (here.workspace / NFC).write_text("composed\n")
    (here.workspace / NFD).write_text("decomposed\n")
    assert "\tcomposed" in here.call("read", path=NFC).text
    assert "\tdecomposed" in here.call("read", path=NFD).text
    here.call("write", path=NFD, content="changed\n")
    assert (here.workspace / NFC).read_text() == "composed\n"
    assert (here.workspace / NFD).read_text() == "changed\n"
    (here.workspace / NFC).unlink()
    assert "does not exist" in here.call("read", path=NFC).text


@pytest.mark.parametrize("name", [".env", ".ENV", ".Env", ".e\u200bnv", "\ufeff.env", ".e\u00adnv", "sub/.ENV", "ID_RSA", "id_r\u017fa"])
def test_a_secret_stays_one_whatever_its_case_and_what_shows_nothing(here: Room, name: str) -> None:
    (here.workspace / "sub").mkdir()
    (here.workspace / name).write_text("canary-secret\n")
    for tool, arguments in (
        ("read", {"path": name}),
        ("grep", {"pattern": "canary", "path": name}),
        ("write", {"path": name, "content": "x"}),
        ("edit", {"path": name, "old_string": "canary", "new_string": "x"}),
    ):
        answer = here.call(tool, **arguments)
        assert answer.denied, (tool, answer.text)
        assert "canary-secret" not in answer.text
    for everything in ("*", ".*"):
        assert "canary-secret" not in here.call("grep", pattern="canary", include=everything).text
    assert (here.workspace / name).read_text() == "canary-secret\n"


def test_a_letter_that_only_looks_the_same_makes_another_file(here: Room) -> None:
    cyrillic = ".\u0435nv"
    (here.workspace / cyrillic).write_text("harmless\n")
    assert "harmless" in here.call("read", path=cyrillic).text
    assert not here.call("write", path=cyrillic, content="new\n").is_error
    assert (here.workspace / ".env").read_text() == "TOKEN=canary-in-dotenv\n"


@pytest.mark.parametrize("path", [".GIT/config", ".git/HOOKS/pre-commit", ".Git/hooks/post-checkout", ".gi\u200ct/config"])
def test_a_protected_path_stays_one_whatever_its_case(here: Room, path: str) -> None:
    assert here.call("write", path=path, content="x").denied
    assert not (here.workspace / path).exists()


def test_a_name_that_is_not_text_is_seen_and_cannot_be_mistaken(here: Room) -> None:
    (here.workspace / ODD).write_text("found-odd\n")
    for answer in (here.call("ls"), here.call("find", pattern="caf*")):
        assert "caf\\xe9" in answer.text
        assert "1 name not in UTF-8" in answer.text
    assert "caf\\xe9:1: found-odd" in here.call("grep", pattern="found-odd").text
    # the name as it is shown is another name, and no file of a tool has half a character in its name
    assert "does not exist" in here.call("read", path="caf\\xe9").text
    assert here.raw("read", '{"path": "caf\\udce9"}').is_error
    assert "found-odd" in here.call("bash", command="cat \"$(printf 'caf\\351')\"").text


def test_a_note_on_names_stands_only_where_there_is_one(here: Room) -> None:
    assert "UTF-8" not in here.call("ls").text
    assert "UTF-8" not in here.call("find", pattern="*").text


@pytest.mark.parametrize("name", ["two\nlines", "\x1b[31mred", "tab\tbed", "\u202egnp", "-n", " ", "a b", "'q'", "*", "{x}", "~", "$HOME"])
def test_a_strange_name_stands_for_itself_and_shows_nothing_but_print(here: Room, name: str) -> None:
    answer = here.call("write", path=name, content="here\n")
    assert not answer.is_error, answer.text
    assert (here.workspace / name).read_text() == "here\n"
    for one in (answer, here.call("read", path=name), here.call("ls"), here.call("find", pattern="*"), here.call("grep", pattern="here")):
        assert not set(one.text) & {"\x1b", "\u202e"}
    assert "here" in here.call("read", path=name).text
    assert "1 match in 1 file:" in here.call("grep", pattern="^here$").text


@pytest.mark.parametrize("path", ["new/", "a.txt/", "new//", "sub/new/"])
def test_a_slash_at_the_end_names_a_directory_and_no_file_is_made_of_it(here: Room, path: str) -> None:
    refused_as_file = [
        here.call("write", path=path, content="x"),
        here.call("read", path=path),
        here.call("edit", path=path, old_string="one", new_string="x"),
    ]
    assert all("names a directory" in answer.text for answer in refused_as_file)
    assert not here.person.asked
    assert not (here.workspace / "new").exists()
    assert (here.workspace / "a.txt").read_text() == "one\ntwo\nthree\n"


def test_a_directory_may_be_given_with_its_slash(here: Room) -> None:
    (here.workspace / "sub").mkdir()
    (here.workspace / "sub" / "f").write_text("word\n")
    assert "[file] f" in here.call("ls", path="sub/").text
    assert "f" in here.call("find", pattern="*", path="sub/").text
    assert "sub/f:1: word" in here.call("grep", pattern="word", path="sub/").text


@pytest.mark.parametrize("name", ["n" * 255, "\u00e9" * 127])
def test_the_longest_name_is_written_replaced_read_and_edited(here: Room, name: str) -> None:
    assert not here.call("write", path=name, content="first\n").is_error
    assert not here.call("write", path=name, content="second\n").is_error
    assert not here.call("edit", path=name, old_string="second", new_string="third").is_error
    assert "third" in here.call("read", path=name).text
    assert [one for one in os.listdir(here.workspace) if one.startswith(".bylaw")] == []


@pytest.mark.parametrize("path", ["n" * 256, "\u00e9" * 128, "a" * 4096, "a/" * 2047 + "b", "d/" * 1300 + "\u00e9" * 1000])
def test_a_name_or_path_that_no_kernel_takes_is_refused(here: Room, path: str) -> None:
    refused(here, path)


def test_a_path_of_many_parts_is_written_and_read(here: Room) -> None:
    path = "d/" * 1500 + "f"
    try:
        assert not here.call("write", path=path, content="deep\n").is_error
        assert "deep" in here.call("read", path=path).text
    finally:
        # Python takes such a tree down by recursion, and gives up; rm does not.
        subprocess.run(["rm", "-rf", str(here.workspace / "d")], check=True)


def test_a_hard_link_to_a_file_outside_is_read_by_default_and_a_write_replaces_only_the_name(here: Room, outside: Path) -> None:
    os.link(outside / "f", here.workspace / "linked")
    assert "canary-outside" in here.call("read", path="linked").text
    answer = here.call("write", path="linked", content="mine\n")
    assert "1 more name" in answer.text
    assert (here.workspace / "linked").read_text() == "mine\n"
    os.link(outside / "f", here.workspace / "again")
    assert not here.call("edit", path="again", old_string="canary", new_string="changed").is_error
    assert (here.workspace / "again").read_text() == "changed-outside\n"


@pytest.fixture
def strict_links(tmp_path: Path, outside: Path) -> Iterator[Room]:
    """A room whose policy refuses files with several names, with one such file."""
    os.link(outside / "f", make_workspace(tmp_path) / "linked")
    with room(tmp_path, person=Yes(), limits={"hard_links": "refuse"}) as opened:
        yield opened


def test_where_the_policy_refuses_hard_links_no_tool_shows_one(strict_links: Room) -> None:
    here = strict_links
    for tool, arguments in (("read", {}), ("edit", {"old_string": "canary", "new_string": "x"}), ("grep", {"pattern": "canary"})):
        answer = here.call(tool, path="linked", **arguments)
        assert answer.is_error
        assert "`" + os.path.realpath(here.workspace) + "/linked` has 2 names (hard links)" in answer.text
        assert "hard_links" in answer.text
    assert not any("canary-outside" in question.text for question in here.person.asked)


def test_a_search_skips_hard_links_and_counts_all_of_them_whether_they_match_or_not(strict_links: Room) -> None:
    here = strict_links
    os.link(here.workspace / "a.txt", here.workspace / "b.txt")
    for number in range(80):  # enough for ripgrep to be asked, where it is installed
        (here.workspace / f"{number}.txt").write_text("canary-inside\n")
    for pattern, found in (("canary", "80 matches in 80 files"), ("nowhere", "no matches found")):
        text = here.call("grep", pattern=pattern).text
        assert found in text
        assert "3 files with several names (hard links) skipped" in text
        assert "canary-outside" not in text


def test_where_the_policy_refuses_hard_links_a_write_still_replaces_the_name(strict_links: Room, outside: Path) -> None:
    assert not strict_links.call("write", path="linked", content="mine\n").is_error
    assert (outside / "f").read_text() == "canary-outside\n"
    assert "mine" in strict_links.call("read", path="linked").text
