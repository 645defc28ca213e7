"""cp, mv, ln and install: where things go, and what stands there already."""

from __future__ import annotations

import pytest

from made_up import Tree, effects, whys

LINKS: Tree = {"/w/deep": None, "/w/deep/er": None, "/w/deep/er/f": "x", "/w/to_file": "->deep/er/f", "/w/to_folder": "->deep/er"}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("install -d x y", {"write x", "write y"}),
        ("cp -t d a b", {"read a", "read b", "write* d/a", "write* d/b"}),
        ("cp -T a b", {"read a", "write* b"}),
        ("cp a b", {"read a", "write b"}),
        ("cp a b d", {"read a", "read b", "write* d/a", "write* d/b"}),
        ("cp -r . d", {"read* .", "write* d"}),
        ("cp -r d/.. d", {"read* .", "write* d"}),
        ("cp -L d x", {"read* d", "write* x"}),
        ("mv a d", {"read* a", "delete* a", "write* d/a"}),
        ("ln -s /etc/secret", {"read* /etc/secret", "write* secret"}),
        ("ln -s ../a d/l", {"read* a", "write* d/l"}),
        ("ln -sr a d/l", {"read* a", "write* d/l"}),
        ("ln a d", {"read* a", "write* d/a"}),
        ("cp -p --preserve=mode a b", {"read a", "write b"}),
    ],
)
def test_a_copy_reads_its_sources_and_writes_where_they_go(command: str, expected: set[str]) -> None:
    assert effects(command) == expected


@pytest.mark.parametrize("command", ["cp a", "mv a", "cp", "install a"])
def test_a_copy_to_nowhere_is_not_accounted_for(command: str) -> None:
    assert whys(command) == ["a destination is missing"]


@pytest.mark.parametrize("command", ["ln -s a loop/x", "cp a loop/x", "mv a loop", "cp -L loop x"])
def test_a_place_that_is_not_sure_is_not_accounted_for(command: str) -> None:
    assert "where this path leads is not known" in whys(command)


def test_links_are_followed_only_where_none_leads_out() -> None:
    assert whys("cp -L d x", {"/w/d/l": "->/etc"}) == ["a symbolic link leads out of the tree"]


@pytest.mark.parametrize("command", ["ln -sf ../secret to_file", "ln -sfn ../secret to_folder", "ln -sfT ../secret to_folder"])
def test_a_link_that_replaces_a_link_is_judged_from_where_it_will_stand(command: str) -> None:
    """The new link leads to `/secret`, whatever the old one led to."""
    assert {"read* /secret", f"delete {command.rpartition(' ')[2]}"} <= effects(command, LINKS)


@pytest.mark.parametrize("command", ["mv a to_file", "mv -T a to_folder", "install a to_file", "ln -f a to_file"])
def test_a_link_that_is_replaced_is_removed_not_only_written_through(command: str) -> None:
    assert f"delete {command.rpartition(' ')[2]}" in effects(command, LINKS)


@pytest.mark.parametrize("command", ["cp a to_file", "cp -r d to_folder", "mv a to_folder"])
def test_a_link_that_is_followed_stays(command: str) -> None:
    assert f"delete {command.rpartition(' ')[2]}" not in effects(command, LINKS)
