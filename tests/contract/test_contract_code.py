"""Review habits that became tests: what no line of the rooms may do."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

import pytest

from contract_repository import ROOMS, callee, calls, code, comments, files, text, tree

ROOM_FILES = code()
ALL_FILES = code("policy", "audit", "tools", "agent", "presets", "bench", "tests", "src", "noxfile.py")
WALL = 500
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}

# What an exemption must look like: the rule that is exempted, then the reason in words.
EXEMPTION = re.compile(r"#\s*(?:type|pyright):\s*ignore|#\s*noqa", re.IGNORECASE)
REASONED = re.compile(
    r"#\s*type:\s*ignore\[[a-z, -]+\]\s+#\s*\S.{7,}"
    r"|#\s*pyright:\s*ignore\[\w+(?:, ?\w+)*\]\s+#\s*\S.{7,}"
    r"|#\s*noqa:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*\s+(?:#|-|–|—)?\s*\S.{4,}"
)


@pytest.mark.parametrize("name", ROOM_FILES)
def test_no_shell_reads_text(name: str) -> None:
    for call in calls(name):
        assert not any(word.arg == "shell" and not _is_false(word.value) for word in call.keywords), f"{name}:{call.lineno}"
        assert ast.unparse(call.func) not in SHELLS, f"{name}:{call.lineno}"


@pytest.mark.parametrize("name", ROOM_FILES)
def test_every_python_helper_is_isolated_from_the_directory_it_starts_in(name: str) -> None:
    """`sys.executable` stands in a list or tuple whose next item is `-I`, or is not an argument vector at all."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.List | ast.Tuple):
            for here, after in zip(node.elts, [*node.elts[1:], None], strict=False):
                if _is_executable(here):
                    assert isinstance(after, ast.Constant), f"{name}:{node.lineno}: `sys.executable` without `-I`"
                    assert after.value in {"-I", "-IS", "-IB", "-ISB", "-IBS"}, f"{name}:{node.lineno}: `sys.executable` without `-I`"


@pytest.mark.parametrize("name", ROOM_FILES)
def test_a_broad_except_raises_again_or_has_its_reason_beside_it(name: str) -> None:
    reasons = dict(comments(name))
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
            assert node.type is not None, f"{name}:{node.lineno}: bare except"
            raised_again = isinstance(node.body[-1], ast.Raise)
            assert raised_again or len(reasons.get(node.lineno, "")) > len("# noqa: BLE001") + 8, (
                f"{name}:{node.lineno}: broad except without a reason"
            )


@pytest.mark.parametrize("name", ALL_FILES)
def test_an_exemption_names_its_rule_and_its_reason(name: str) -> None:
    bare = [f"{name}:{line}: {one}" for line, one in comments(name) if EXEMPTION.search(one) and not REASONED.search(one)]
    assert bare == []


@pytest.mark.parametrize("name", ALL_FILES)
def test_nothing_is_left_for_later(name: str) -> None:
    assert [f"{name}:{line}" for line, one in comments(name) if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", one)] == []
    later = [node for node in ast.walk(tree(name)) if isinstance(node, ast.Name) and node.id == "NotImplementedError"]
    assert later == []


@pytest.mark.parametrize("name", [name for name in ALL_FILES if not name.startswith("tests/")])
def test_a_module_fits_in_one_head(name: str) -> None:
    assert text(name).count("\n") <= WALL


def test_only_the_gate_issues_permits() -> None:
    assert [name for name in ROOM_FILES if any(callee(call) == "issue" for call in calls(name))] == ["agent/gate.py"]


def test_only_the_issuer_makes_permits() -> None:
    makers = [name for name in ROOM_FILES if any(callee(call) == "Permit" for call in calls(name))]
    assert makers == ["tools/permit.py"]


def test_nobody_makes_a_permit_by_a_side_door() -> None:
    """No `object.__new__(Permit)`, no copy, replace or pickle in a module that knows permits."""
    for name in ROOM_FILES:
        if "Permit" not in text(name):
            continue
        for call in calls(name):
            given = [one.id for one in call.args if isinstance(one, ast.Name)]
            assert "Permit" not in given or callee(call) == "isinstance", f"{name}:{call.lineno}"
            assert callee(call) not in {"copy", "deepcopy", "loads", "__reduce_ex__"} or "permit" not in given, f"{name}:{call.lineno}"
            assert callee(call) != "replace" or "permit" not in given, f"{name}:{call.lineno}"


@pytest.mark.parametrize("name", [name for name in ROOM_FILES if name.endswith("__init__.py") and "__all__" in text(name)])
def test_a_public_name_is_there_and_documented(name: str) -> None:
    module = importlib.import_module("bylaw." + name.removesuffix("/__init__.py").replace("/", "."))
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isfunction(value) or inspect.isclass(value):
            said = inspect.getdoc(value) or ""
            assert said, f"{name}: `{public}` has no docstring"
            assert not said.startswith(f"{public}("), f"{name}: `{public}` has only the docstring that dataclass made"


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_room_is_imported_by_its_full_name(name: str) -> None:
    """Tests run with the root on the import path, where the folders could be mistaken for packages of their own."""
    for node in ast.walk(tree(name)):
        match node:
            case ast.Import(names=names):
                found = {one.name.split(".")[0] for one in names}
            case ast.ImportFrom(module=str(module), level=0):
                found = {module.split(".")[0]}
            case _:
                continue
        assert not found & {*ROOMS, "src", "tests"}, f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", ROOM_FILES)
def test_nobody_fetches_by_the_standard_library(name: str) -> None:
    """import-linter sees `urllib` as one; taking addresses apart is fine, fetching is `agent/http.py`'s alone."""
    for node in ast.walk(tree(name)):
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not set(modules) & {"urllib.request", "http.client", "ftplib", "smtplib", "xmlrpc.client"}, f"{name}: {modules}"


def test_no_test_folder_is_a_package() -> None:
    packages = [name for name in files() if name.startswith("tests/") and name.endswith("__init__.py")]
    assert packages == []


def test_test_files_have_names_of_their_own() -> None:
    names = [name.rsplit("/", 1)[1] for name in files() if re.fullmatch(r"tests/.*/test_[^/]+\.py", name)]
    assert sorted(names) == sorted(set(names))


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


def _is_executable(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "executable" and isinstance(node.value, ast.Name) and node.value.id == "sys"


def _is_broad(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_is_broad(one) for one in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
