"""`python -m bench [TABLE [OPTIONS]]`."""

from __future__ import annotations

import sys
from importlib import import_module

import bench

TABLES = ("startup", "verdicts", "decisions", "audit", "spawn", "range")
SLOW = ("range",)
"""Tables that take minutes: only by name."""


def main(arguments: list[str]) -> int:
    """Runs one table, or all that are quick, or says which there are; returns the exit code."""
    match arguments:
        case []:
            print(bench.__doc__)
            return 0
        case ["all"]:
            return max([titled(name) for name in TABLES if name not in SLOW])
        case [name, *options] if name in TABLES:
            return run(name, options)
        case _:
            print(f"there is no table `{arguments[0]}`; there are {', '.join(TABLES)} and all", file=sys.stderr)
            return 2


def run(name: str, options: list[str]) -> int:
    """Runs one table; only its module is imported, so that one table never waits for what another needs."""
    code: int = import_module(f"bench.{name}").main(options)
    return code


def titled(name: str) -> int:
    """Runs one table below its name."""
    print(f"\n# {name}\n", flush=True)
    return run(name, [])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
