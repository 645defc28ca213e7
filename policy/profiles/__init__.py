"""What programs do with their words: profiles (data, `policy/programs/*.yaml`), and the code that reads them.

model.py      the form of a profile
documents.py  YAML to profile, strictly
loader.py     which profile a program has; one file a program, read when it is first needed
options.py    command lines to options and operands, as each family of programs reads them
ledger.py     where effects are written down; paths become real there
identity.py   which program a name stands for, and whether it is the one the profile describes
interpreter.py  a profile applied to an argument vector;  interpretations.py: which code reads which kind of profile
copying.py    cp, mv, ln, install: what the last operand means
find.py       expressions of find, and what -exec runs
wrappers.py   timeout, env, xargs, ...: programs that start another one
sed.py, awk.py, jq.py  readers of small languages that can hide a file or a command
small.py      interpretations of a few lines: test, jq, the programs that transfer URLs
git.py        git: its repository, and the configuration that is pinned for it
"""

from __future__ import annotations

from .loader import find_profile, profile_names
from .model import Profile

__all__ = ["Profile", "find_profile", "profile_names"]
