from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from bylaw.policy.actions import ReadFile, WriteFile
from bylaw.policy.decision import Manifest, PathGrant
from bylaw.policy.model import Limits
from bylaw.tools.errors import PermitError
from bylaw.tools.paths import open_root
from bylaw.tools.permit import Issuer, Permit, Target
from bylaw.tools.toolbox import Toolbox

LIMITS = Limits(
    read_bytes=100_000, write_bytes=100_000, output_bytes=100_000, command_seconds=10, command_characters=1000, regular_files=True
)


def issue(issuer: Issuer, workspace: Path) -> Permit:
    path = str(workspace / "out.txt")
    return issuer.issue(
        call_id="1",
        action=WriteFile(path="out.txt", content="x"),
        manifest=Manifest(write=(PathGrant(path=path),)),
        limits=LIMITS,
        sandbox="prefer",
        target=Target(descriptor=open_root(str(workspace)), relative="out.txt", shown=path),
        plan=None,
        bindings=(),
        environment={},
    )


def by_hand(permit: Permit) -> Permit:
    made = object.__new__(Permit)
    for field in dataclasses.fields(Permit):
        object.__setattr__(made, field.name, getattr(permit, field.name))
    return made


def constructed(permit: Permit) -> Permit:
    return Permit(**{field.name: getattr(permit, field.name) for field in dataclasses.fields(Permit)})


def pickled(permit: Permit) -> Permit:
    made: Permit = pickle.loads(pickle.dumps(permit))
    return made


FORGERIES: dict[str, Callable[[Permit], Permit]] = {
    "object.__new__": by_hand,
    "the constructor": constructed,
    "copy.copy": copy.copy,
    "copy.deepcopy": copy.deepcopy,
    "pickle": pickled,
    "dataclasses.replace": lambda permit: dataclasses.replace(permit, action=ReadFile(path="x")),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_permit_that_the_issuer_did_not_give_out_performs_nothing(forge: Callable[[Permit], Permit], tmp_path: Path) -> None:
    issuer = Issuer()
    real = issue(issuer, tmp_path)
    with pytest.raises(PermitError):
        Toolbox(issuer).perform(forge(real))
    assert list(tmp_path.iterdir()) == []
    assert Toolbox(issuer).perform(real).status == "ok"


def test_a_permit_is_good_for_one_call(tmp_path: Path) -> None:
    issuer = Issuer()
    permit = issue(issuer, tmp_path)
    toolbox = Toolbox(issuer)
    toolbox.perform(permit)
    (tmp_path / "out.txt").unlink()
    with pytest.raises(PermitError):
        toolbox.perform(permit)
    assert not (tmp_path / "out.txt").exists()


def test_a_permit_of_another_gate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PermitError):
        Toolbox(Issuer()).perform(issue(Issuer(), tmp_path))


def test_a_permit_cannot_be_changed_after_it_was_issued(tmp_path: Path) -> None:
    permit = issue(Issuer(), tmp_path)
    with pytest.raises(dataclasses.FrozenInstanceError):
        permit.call_id = "2"  # type: ignore[misc]  # that is what is tried
