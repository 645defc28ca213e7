"""`python tests/support/fuzz_shell.py`: many random scripts in real bash and from their plans, compared.

The scripts come in chunks, each made from the seed and its number alone: a run that was stopped goes on with `--seed` and
`--from` as it printed them. Ends with 1 when a difference was found; each is printed as it is found.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from pathlib import Path

import script_grammar
from oracle_scope import oracle_scope
from plan_comparison import Comparison, compare

CHUNK = 500
CORPUS = Path(__file__).parents[1] / "corpus"


def corpus(*names: str) -> list[str]:
    """The commands of these corpora."""
    lines = (line for name in names for line in (CORPUS / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line)
    return [json.loads(line)["command"] for line in lines]


def chunk(seed: int, number: int, size: int = CHUNK) -> list[str]:
    """The scripts of one chunk."""
    return script_grammar.scripts(size, random.Random(f"{seed} {number}").getrandbits(64), corpus("tricky", "everyday"))


def run(task: tuple[int, int]) -> tuple[int, Comparison]:
    """Compares one chunk, in a tree of its own."""
    seed, number = task
    with tempfile.TemporaryDirectory(prefix="bylaw-fuzz-") as root:
        return number, compare(chunk(seed, number), oracle_scope(Path(root)))


def main() -> int:
    """Runs all chunks on all workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scripts", type=int, default=int(os.environ.get("BYLAW_FUZZ_SCRIPTS") or "200000"))
    parser.add_argument("--workers", type=int, default=int(os.environ.get("WORKERS") or "2"))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BYLAW_FUZZ_SEED") or str(random.SystemRandom().getrandbits(32))))
    parser.add_argument("--from", type=int, default=int(os.environ.get("BYLAW_FUZZ_FROM") or "0"), dest="first", help="the first chunk")
    options = parser.parse_args()
    count = -(-options.scripts // CHUNK)
    print(f"{options.scripts} scripts from seed {options.seed}; to go on later: --seed {options.seed} --from CHUNK", flush=True)
    started, accepted, exact, differing = time.monotonic(), 0, 0, 0
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for number, found in pool.imap(run, [(options.seed, number) for number in range(options.first, count)]):
            accepted, exact, differing = accepted + found.accepted, exact + found.exact, differing + len(found.differences)
            spent = time.monotonic() - started
            print(f"chunk {number} of {count}: {found}; {spent:.0f} s in all", flush=True)
            for difference in found.differences:
                print(f"DIFFERENCE (seed {options.seed}, chunk {number}) {difference}", flush=True)
    scripts = (count - options.first) * CHUNK
    print(f"{scripts} scripts, {accepted} accepted, {exact} run from their plan: {differing} differences")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
