"""The house: folders at the top are the code, one import name, and a wheel that holds exactly those folders."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from contract_repository import ROOMS, ROOT, code, files, text

MODULES = tuple("bylaw." + name.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for name in code())


@pytest.mark.parametrize("room", ROOMS)
def test_each_link_leads_to_the_folder_of_its_name(room: str) -> None:
    link = ROOT / "src" / "bylaw" / room
    assert link.is_symlink()
    assert link.readlink() == Path("../..") / room
    assert link.resolve() == ROOT / room


def test_no_room_is_importable_under_its_bare_name() -> None:
    program = (
        "import importlib, sys\n"
        f"for name in {MODULES!r}: importlib.import_module(name)\n"
        f"bare = sorted(name for name in sys.modules if name.split('.')[0] in {ROOMS!r})\n"
        "print(bare)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], cwd="/", capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[]\n"


def test_the_console_script_and_the_safe_module_say_the_same() -> None:
    script = subprocess.run([str(Path(sys.executable).parent / "bylaw"), "--version"], capture_output=True, text=True, check=True)
    module = subprocess.run([sys.executable, "-P", "-m", "bylaw", "--version"], cwd="/", capture_output=True, text=True, check=True)
    assert script.stdout == module.stdout
    assert script.stdout.startswith("bylaw ")


def test_a_workspace_cannot_shadow_what_the_console_script_imports(tmp_path: Path) -> None:
    for name in ("json", "typer", "policy", "bylaw"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "bylaw"), "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """An sdist, the wheel built from it, and the wheel built from the tree."""
    tree = tmp_path_factory.mktemp("tree")
    for name in files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes((ROOT / name).read_bytes())
    for room in ROOMS:
        (tree / "src" / "bylaw" / room).symlink_to(Path("../..") / room)
    (tree / "README.md").touch()  # the build backend reads it
    out = tmp_path_factory.mktemp("out")
    for kind, place in ((("--sdist", "--wheel"), "both"), (("--wheel",), "direct")):
        # `build` without a kind makes the wheel from the sdist; with `--wheel`, from the tree.
        flags = () if place == "both" else kind
        subprocess.run(
            [sys.executable, "-I", "-m", "build", "--no-isolation", *flags, "--outdir", str(out / place), str(tree)],
            check=True,
            capture_output=True,
        )
    return next((out / "both").glob("*.tar.gz")), next((out / "both").glob("*.whl")), next((out / "direct").glob("*.whl"))


def _expected() -> set[str]:
    rooms = {f"bylaw/{name}" for name in files() if name.split("/")[0] in ROOMS}
    return rooms | {name.removeprefix("src/") for name in files() if name.startswith("src/bylaw/")}


@pytest.mark.parametrize("which", [1, 2], ids=["from-the-sdist", "from-the-tree"])
def test_a_wheel_holds_exactly_the_files_of_the_folders(built: tuple[Path, Path, Path], which: int) -> None:
    with zipfile.ZipFile(built[which]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == _expected()


def test_the_wheel_carries_the_licence_and_the_console_script(built: tuple[Path, Path, Path]) -> None:
    with zipfile.ZipFile(built[1]) as wheel:
        names = wheel.namelist()
        scripts = next(wheel.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "bylaw = bylaw.agent.cli:main" in scripts


def test_the_sdist_holds_real_files_where_the_tree_has_links(built: tuple[Path, Path, Path]) -> None:
    with tarfile.open(built[0]) as sdist:
        assert [one.name for one in sdist if one.issym() or one.islnk()] == []


def test_every_package_says_what_it_is() -> None:
    silent = [name for name in code() if name.endswith("__init__.py") and not text(name).lstrip().startswith(('"""', 'r"""'))]
    assert silent == []
