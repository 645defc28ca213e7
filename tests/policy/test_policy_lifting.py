"""A rule lifts the default for a secret only where it names the secret itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from gate_room import room

POLICY = """\
version: 1
name: own
extends: balanced
rules:
  - id: own.secret
    verdict: allow
    because: this one holds nothing but test data
    match: {{effect: [read], path: {paths}}}
"""


@pytest.mark.parametrize(
    ("paths", "lifted"),
    [
        ('["fixtures/.env", ".env"]', True),
        ('["{workspace}/.env"]', True),
        ('["**/.env*"]', True),
        ('["{workspace}/**"]', False),
        ('["*env", "fixtures/**"]', True),
        ('["a.txt"]', False),
    ],
)
def test_a_secret_is_read_only_where_a_rule_names_it(tmp_path: Path, paths: str, lifted: bool) -> None:  # a row of the table
    with room(tmp_path, policy=POLICY.format(paths=paths)) as here:
        assert here.call("read", path=".env").denied is not lifted
