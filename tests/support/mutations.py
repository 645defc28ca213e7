"""Mutations of commands: quotes, blanks, the spelling of options, wrappers, and the constructs of `rewrites`.

A mutation of an attack is one more attack (or nothing that works): none may be allowed.
"""

from __future__ import annotations

import random
import re

import rewrites
from bylaw.policy.shell.tree import Text

_CLUSTER = re.compile(r"-([A-Za-z]{2,4})")
_LONG = re.compile(r"--([a-z][a-z-]{3,})(=.*)?", re.DOTALL)
_ATTACHED = re.compile(r"-([A-Za-z])([^-=].*)", re.DOTALL)

# Before a simple command; what stands for itself in quotes is the rest.
PREFIXES = (
    "env", "env -i", "env A=1", "/usr/bin/env", "timeout 5", "timeout -s KILL 5", "timeout --kill-after=1 5", "nice", "nice -n 5", "nice -5",
    "nohup", "command", "command --", "stdbuf -o0", "stdbuf -oL -eL", "setsid", "setsid -w", "time", "ionice -c 3", "xargs", "xargs -0",
    "xargs -n 1", "xargs -I {}", "echo a | xargs", "chrt -i 0", "sudo", "sudo -n", "doas", "env -- ", "timeout -v 5s", "env timeout 5",
    "nice timeout 5 env", "flock /tmp/l", "watch -n 1", "strace -f", "A=1", "LC_ALL=C", "!", "builtin", "exec", "unshare -r", "busybox",
    "find . -maxdepth 0 -exec", "parallel", "script -c", "chroot /", "taskset 1", "unbuffer", "prlimit", "setarch -R", "runuser -u u --",
)  # fmt: skip
QUOTED = (
    "sh -c %s", "bash -c %s", "bash --norc -c %s", "dash -c %s", "sh -ec %s", "env sh -c %s", "timeout 5 bash -c %s", "eval %s", "xargs sh -c %s",
    "su -c %s", "sudo sh -c %s", "nohup bash -c %s", "find . -maxdepth 0 -exec sh -c %s \\;", "bash <<< %s", "echo %s | sh", "printf %s | bash",
    "trap %s EXIT", "flock l -c %s", "watch %s", "script -qc %s /dev/null", "python3 -c 'import os,sys; os.system(sys.argv[1])' %s", "zsh -c %s",
    "busybox sh -c %s", "env -S %s", "parallel ::: %s", "sh -c 'eval \"$1\"' x %s", "perl -e 'system shift' %s", "ssh localhost %s",
)  # fmt: skip


def quoted(text: str, chance: random.Random) -> dict[str, str]:
    """Mutations that change quotes alone."""
    found = {name: rewrites.requoted(text, chance, name) for name in rewrites.QUOTES}
    found |= {f"some {number}": rewrites.requoted(text, chance, None, 0.4) for number in range(3)}
    return {name: one for name, one in found.items() if one != text}


def wrapped(text: str) -> dict[str, str]:
    """The command behind each wrapper: as words where it is one simple command, as text everywhere."""
    found = {form: form.replace("%s", rewrites.single(text)) for form in QUOTED}
    script = rewrites.script(text)
    if script is None or (len(script.steps) == 1 and len(script.steps[0].pipeline.commands) == 1):
        found |= {prefix: f"{prefix} {text}" for prefix in PREFIXES}
    return found


def spelled(text: str, chance: random.Random) -> dict[str, str]:
    """The command with its options spelled otherwise: clusters, split, long, abbreviated, attached."""
    script = rewrites.script(text)
    if script is None:
        return {}
    found: dict[str, str] = {}
    for word in rewrites.plain_words(script):
        known = "".join(part.text for part in word.parts if isinstance(part, Text))
        for name, spelling in _spellings(known, chance).items():
            found[f"{name} {known}"] = text[: word.span.start] + spelling + text[word.span.end :]
    return {name: one for name, one in found.items() if one != text}


def _spellings(word: str, chance: random.Random) -> dict[str, str]:
    found: dict[str, str] = {}
    if match := _CLUSTER.fullmatch(word):
        letters = list(match[1])
        found["split"] = " ".join(f"-{letter}" for letter in letters)
        found["turned"] = "-" + "".join(reversed(letters))
        chance.shuffle(letters)
        found["shuffled"] = "-" + "".join(letters)
        found["doubled"] = f"{word} {word}"
    if match := _LONG.fullmatch(word):
        given = match[2] or ""
        for length in {len(match[1]) - 1, len(match[1]) // 2 + 1, 4}:
            found[f"abbreviated to {length}"] = f"--{match[1][:length]}" + (f"={rewrites.single(given[1:])}" if given else "")
        found["apart"] = f"--{match[1]} {rewrites.single(given[1:])}" if given else f"--{match[1]}="
    if match := _ATTACHED.fullmatch(word):
        found["detached"] = f"-{match[1]} {rewrites.single(match[2])}"
    return found


def mutations(text: str, chance: random.Random) -> dict[str, str]:
    """Every mutation of the command, by name."""
    found = {f"quotes: {name}": one for name, one in quoted(text, chance).items()}
    found |= {f"spelling: {name}": one for name, one in spelled(text, chance).items()}
    found |= {f"wrapper: {name}": one for name, one in wrapped(text).items()}
    found |= {f"construct: {name}": one for name, one in rewrites.constructs(text).items()}
    found["spaces"] = rewrites.respaced(text, chance)
    found["braces"] = rewrites.braced(text, chance)
    found["variables"] = rewrites.with_variables(text, chance)
    return {name: one for name, one in found.items() if one != text}
