"""The policies that ship: what is missing or broken there is named with its place, and nothing is loaded."""

from __future__ import annotations

import pkgutil
from pathlib import Path

import pytest

from bylaw.policy import shipped
from bylaw.policy.errors import PolicyFileError
from bylaw.policy.layers import load
from bylaw.policy.yaml_source import Table, parse


def test_a_shipped_policy_that_is_gone_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(package: str, resource: str) -> None:
        assert package == "bylaw.presets"

    shipped._read.cache_clear()  # pyright: ignore[reportPrivateUsage]  # it may have been read before
    monkeypatch.setattr(pkgutil, "get_data", gone)
    with pytest.raises(PolicyFileError) as caught:
        load("balanced", workspace="/workspace", home="/home/user")
    assert caught.value.source == "presets/balanced.yaml"
    assert caught.value.hint == "reinstall bylaw"
    assert caught.value.exit_code == 7


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("limits: [1]\n", "`limits` is a mapping", "presets/balanced.yaml:1:9"),
        ("limits:\n  read_bytes: [1]\n", "`limits.read_bytes` is a single value", "presets/balanced.yaml:2:15"),
        ("network: all\n", "a list is expected", "presets/balanced.yaml:1:10"),
        ("grants: {a: b}\n", "`grants` is a single value", "presets/balanced.yaml:1:9"),
    ],
)
def test_a_shipped_policy_of_the_wrong_shape_is_named_with_its_place(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str, where: str
) -> None:
    def broken(name: str, *, source: str) -> Table:
        return parse(text, source=f"presets/{name}.yaml")

    monkeypatch.setattr(shipped, "preset", broken)
    with pytest.raises(PolicyFileError) as caught:
        load("balanced", workspace="/workspace", home="/home/user")
    assert (caught.value.message, caught.value.source) == (message, where)


def test_a_value_left_empty_leaves_what_lies_below(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\ngrants:\nlimits:\n  read_bytes:\n")
    given = load(files=(str(tmp_path / "p.yaml"),), workspace="/workspace", home="/home/user")
    assert given.digest == load(workspace="/workspace", home="/home/user").digest
