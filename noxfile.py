"""The one runner behind `make test` and `make check`: every step runs in the environment that make has set up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["test", "lint", "types", "imports", "contracts", "coverage"]

ROOT = Path(__file__).parent
BIN = Path(sys.executable).parent
ROOMS = ("policy", "audit", "tools", "agent", "presets")
WORKERS = os.environ.get("WORKERS", "2")
LOCK_HEADER = (
    "# Written by `make lock`; do not edit by hand. Every pin with its hashes, for Python 3.11 to 3.13.\n"
    "# What is pinned and why: pyproject.toml and docs/dependencies.md.\n"
)


def run(session: nox.Session, program: str, *arguments: str, **environment: str) -> None:
    """Runs a program of the environment in which nox itself runs."""
    session.run(str(BIN / program), *arguments, external=True, env=environment or None)


def tests(session: nox.Session, *arguments: str) -> None:
    """The whole suite on all workers, with the branches it takes written to `.coverage`."""
    run(session, "python", "-m", "pytest", "-n", WORKERS, "--dist", "worksteal", "--cov", "--cov-report=", *arguments)


@nox.session
def test(session: nox.Session) -> None:
    """Every test."""
    tests(session, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Many more examples: scripts against real bash, mutations of the corpora, the property tests.

    The scripts come first; `nox -s fuzz -- --seed N --from CHUNK` goes on with a run that was stopped.
    """
    run(session, "python", "tests/support/fuzz_shell.py", "--workers", WORKERS, *session.posargs)
    more = {"HYPOTHESIS_PROFILE": "fuzz", "BYLAW_FUZZ_MUTATIONS": "1000"}
    words = ("-m", "pytest", "-n", WORKERS, "--timeout", "3600")
    run(session, "python", *words, "tests/policy/shell/test_shell_metamorphic.py", **more)
    run(session, "python", *words, "-m", "hypothesis", **more)


@nox.session
def race(session: nox.Session) -> None:
    """A minute of each race between the tools and a process that swaps a directory for a link to outside."""
    words = ("-m", "pytest", "-s", "-n", "0", "tests/tools/test_tools_race.py", "tests/agent/test_agent_race.py")
    run(session, "python", *words, *session.posargs, BYLAW_RACE_SECONDS=os.environ.get("BYLAW_RACE_SECONDS", "60"))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the formatter's opinion."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Two type checkers, both strict."""
    run(session, "mypy")
    run(session, "pyright", PYRIGHT_PYTHON_IGNORE_WARNINGS="1")


@nox.session
def imports(session: nox.Session) -> None:
    """Which room may import which: the contracts stand in pyproject.toml."""
    run(session, "lint-imports", "--no-cache")


@nox.session
def contracts(session: nox.Session) -> None:
    """README drift, wheel contents, lock files, and the review habits that became tests."""
    run(session, "python", "-m", "pytest", "-n", WORKERS, "tests/contract", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Branches of the policy, the record and the gate: all taken, or listed with a reason."""
    if not coverage_is_fresh():
        tests(session, "-q")
    run(session, "coverage", "json", "--quiet", "-o", "coverage.json")
    run(session, "python", "tests/contract/coverage_gate.py", "coverage.json")


def coverage_is_fresh() -> bool:
    """Whether `.coverage` is younger than every file that it speaks of and every test."""
    data = ROOT / ".coverage"
    if not data.exists():
        return False
    sources = (path for folder in (*ROOMS, "tests") for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".yaml", ".md"})
    return data.stat().st_mtime > max(path.stat().st_mtime for path in sources)


@nox.session
def lock(session: nox.Session) -> None:
    """Writes the three lock files; `nox -s lock -- --upgrade` takes the newest versions that pyproject.toml allows."""
    common = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url", "--no-header")
    files = {
        "requirements.lock": ("pyproject.toml", "--group", "build"),
        "requirements-dev.lock": ("pyproject.toml", "--group", "dev", "--constraint", "requirements.lock"),
        "requirements-models.lock": ("--no-deps", "--group", "models"),
    }
    for name, sources in files.items():
        run(session, "uv", "--quiet", "--system-certs", "pip", "compile", *common, *session.posargs, *sources, "--output-file", name)
        text = (ROOT / name).read_text()
        (ROOT / name).write_text(LOCK_HEADER + text.removeprefix(LOCK_HEADER))
