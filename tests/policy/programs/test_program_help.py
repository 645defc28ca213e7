"""Profiles against what the programs say of themselves: every option of a help text has its place."""

from __future__ import annotations

import pytest

from bylaw.policy.effects import Unknown
from bylaw.policy.profiles import find_profile, profile_names
from bylaw.policy.profiles.interpretations import INTERPRETATIONS
from bylaw.policy.profiles.interpreter import Analyst, Call
from help_options import ask, counted, examples_both_ways, known, missing, options_of, questions, recorded, version
from made_up import scope

RECORDED = recorded()
ASKED = [(name, words) for name, words in questions() if (profile := find_profile(name)) is not None and known(profile, words) is not None]


@pytest.mark.parametrize("asked", sorted(RECORDED))
def test_every_option_of_a_recorded_help_text_is_classified_or_listed_as_unknown(asked: str) -> None:
    name, *words = asked.split()
    profile = find_profile(name)
    assert profile is not None
    assert missing(profile, RECORDED[asked]["options"].split(), tuple(words)) == []


@pytest.mark.parametrize(("name", "words"), ASKED, ids=[" ".join((name, *words)) for name, words in ASKED])
def test_every_option_of_an_installed_program_is_classified_or_not_accounted_for(name: str, words: tuple[str, ...]) -> None:
    profile = find_profile(name)
    assert profile is not None
    text = ask(profile, words)
    left = missing(profile, options_of(text, profile) if text is not None else (), words)
    same = RECORDED.get(" ".join((name, *words)), {}).get("version") == version(profile)
    assert not (left and same), left
    for option in left:  # a version that was not here when the record was made
        analyst = Analyst(scope({f"/usr/bin/{profile.program}": "program"}), INTERPRETATIONS)
        analyst.judge(Call(argv=(profile.program, *words, option), directory="/w"))
        assert any(isinstance(effect, Unknown) for effect in analyst.ledger.effects), option


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_has_examples_of_what_it_accounts_for_and_of_what_it_does_not(name: str) -> None:
    profile = find_profile(name)
    assert profile is not None
    assert examples_both_ways(profile)


def test_at_least_150_profiles_count() -> None:
    assert len(counted()) >= 150


def test_a_help_text_is_read_as_people_read_it() -> None:
    text = """usage: x [-z] FILE
  -a, --all             print -b and --both too
      --color[=WHEN]    colours
      --[no-]check      checks
  -f progfile\t\t--file=progfile
  -NUM                  same as -C NUM
    -ofile  --out=FILE
"""
    assert options_of(text) == {"-a", "--all", "--color", "--check", "--no-check", "-f", "--file", "-o", "--out"}
    assert options_of("usage: x [-ab] [-c FILE] [--long=x]") == {"-a", "-b", "-c", "--long"}
