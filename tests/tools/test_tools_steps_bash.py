"""Scripts that are parsed, resolved and carried out do what bash does with their text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from plan_room import by_bash, directly, planned

SCRIPTS: list[str] = yaml.safe_load((Path(__file__).parent / "data" / "scripts.yaml").read_text(encoding="utf-8"))
FILES = {
    "in": "b\na\nb\n",
    "pairs": "x 1\n  xx   2  3  \ny\t4\nz\n\nw 5",
    "commas": "a,b,c\n1,,3\n , x ,y,z,\n",
    "star": "*\n",
    "empty": "",
    "path": "home/user/proj/notes.txt\n",
    "number": "17\n",
    "numbers": "1\n20\n300\n",
    "back": "a\\tb\\\nc d\n",
    "sub/one": "",
    "sub/two": "2\n",
}


def made(place: Path) -> Path:
    """A directory with the files that the scripts know."""
    place = Path(os.path.realpath(place))
    for name, text in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def files(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_does_what_bash_does(tmp_path: Path, script: str) -> None:
    ours, bashs = made(tmp_path / "ours"), made(tmp_path / "bash")
    code, out, err = directly(planned(script, ours), ours)
    bash_code, bash_out, bash_err = by_bash(script, bashs)
    assert (code, out, files(ours)) == (bash_code, bash_out, files(bashs)), (err, bash_err)
