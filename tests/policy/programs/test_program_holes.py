"""Words of which a part is known only to the run: data stays data, anything else is `Unknown`, in every profile."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bylaw.policy.effects import Connect, Delete, Effect, Execute, Read, Send, SetEnvironment, Unknown, UseConstruct, Write
from bylaw.policy.holes import HOLE, SPLIT, has_hole
from bylaw.policy.profiles import find_profile, profile_names
from bylaw.policy.profiles.interpretations import INTERPRETATIONS
from bylaw.policy.profiles.interpreter import Analyst, Call, Names
from bylaw.policy.profiles.ledger import Ledger
from bylaw.policy.records import replace
from made_up import scope

NASTY = (
    "", "/etc/passwd", "-rf", "-r", "-", "--", "--output=x", "--o", "../x", "e", ";", "+", "{}", "@a", "@/etc/passwd", "=@a", "a=b",
    "http://h/x", "x@evil.org:", "file:///etc/passwd", "-exec", "-delete", "!", "(", "-f", "]", "/", "$(x)", "w x", "*", "HEAD:a", "d",
)  # fmt: skip
SEVERAL = ((), ("a", "b"), ("-rf", "/etc"), ("x", "-o", "y"), (";", "-delete"), ("--", "/etc/passwd"), ("push",), ("a=b", "./p"))
MORE = (
    "grep -n -e x a", "grep -- x a", "grep -m 3 x a", "grep --include=x -rn y d", "git log --grep=x", "git commit -m x", "git log --author x",
    "git log -n 5", "printf %s x", "echo x", "seq 1 9", "head -n 5 a", "test x = y", "test -n x", "[ x != y ]", "[ ! -z x ]", "expr x : y",
    "date +x", "awk -v a=x '{print}' a", "jq --arg n x . a", "timeout 5 echo x", "env A=x echo y", "find . -name x", "find . -exec echo x ;",
    "python -m pytest -k x", "npm run build x", "make x", "xargs grep -e x", "xargs -I r echo x r", "sort -t x a", "cut -d x -f 1 a", "nice -n 5 echo x",
    "git config user.name x", "git push origin x", "git config -- user.name", "curl -d x http://h", "sed -n -l 5 p a", "sleep 5", "cp -S x a b", "tr x y",
)  # fmt: skip
"""Commands in which much is data: the examples of the profiles alone have little of it."""


def _vectors() -> Iterator[tuple[str, ...]]:
    commands = [one.command for name in profile_names() if (profile := find_profile(name)) is not None for one in profile.examples]
    for command in (*commands, *MORE):
        words = [";" if word == ";" else word for word in shlex.split(command.replace(" ; ", " ';' "))]
        vector: list[str] = []
        for word in [*words, "|"]:
            if word in {"|", "&&"}:
                yield tuple(vector)
                vector = []
            else:
                vector.append(word)


VECTORS = tuple(dict.fromkeys(one for one in _vectors() if one))
PLACE = scope({"/w/d/a": "x", "/w/d/.gitattributes": "* filter=x", "/w/p": "program"})


@cache
def _effects(argv: tuple[str, ...]) -> frozenset[Effect]:
    """What a vector would do, without what only repeats its words."""
    analyst = Analyst(PLACE, INTERPRETATIONS)
    analyst.judge(Call(argv=argv, directory="/w", fed=Names(roots=("d",))))
    found = set[Effect]()
    for effect in analyst.ledger.effects:
        match effect:
            case Execute():
                found.add(replace(effect, argv=(), operands=(), helpers=()))
            case SetEnvironment():
                found.add(replace(effect, value=""))
            case _:
                found.add(effect)
    return frozenset(found)


def _marked(effect: Effect) -> bool:
    match effect:
        case Read() | Write() | Delete():
            return has_hole(effect.path)
        case Execute():
            return has_hole(" ".join((effect.program, effect.path or "", *effect.argv, *effect.subcommand)))
        case Connect():
            return has_hole(effect.host)
        case SetEnvironment():
            return has_hole(effect.name + effect.value)
        case Unknown():
            return has_hole(effect.subject)
        case _:
            return False


def _covered(found: frozenset[Effect], filled: frozenset[Effect]) -> bool:
    """Whether every effect of the filled vector was named: code of the workspace covers a program that only prints, and an
    option that only the run knows covers any.
    """
    return all(
        one in found
        or (
            isinstance(one, Execute)
            and any(
                isinstance(other, Execute)
                and (one.program, one.path, one.category) == (other.program, other.path, other.category)
                and one.origin in {"known", other.origin}
                and (HOLE in other.options or one.options <= other.options)
                and one.subcommand == other.subcommand
                for other in found
            )
        )
        for one in filled
    )


def _unknown(effects: Iterable[Effect]) -> bool:
    return any(isinstance(one, Unknown) for one in effects)


def _holed(argv: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for place, word in enumerate(argv):
        yield from (
            (place, shape) for shape in dict.fromkeys((HOLE, f"{word}{HOLE}", f"{HOLE}{word}", f"{word[:1]}{HOLE}", f"{word[:2]}{HOLE}"))
        )
        yield from ((place, shape) for shape in (SPLIT, f"{word}{SPLIT}"))
        equals = word.find("=") + 1
        if equals:
            yield place, word[:equals] + HOLE


def _filled(argv: tuple[str, ...], place: int, shape: str, texts: tuple[str, ...]) -> tuple[str, ...]:
    """The vector with the hole in one word filled; several texts for a word that is split."""
    mark = SPLIT if SPLIT in shape else HOLE
    before, _, after = shape.partition(mark)
    words = list(texts)
    if words:
        words[0] = before + words[0]
        words[-1] += after
    elif before + after:
        words = [before + after]
    return (*argv[:place], *words, *argv[place + 1 :])


@pytest.mark.parametrize("argv", VECTORS, ids=" ".join)
def test_a_hole_never_hides_what_a_text_in_its_place_would_do(argv: tuple[str, ...]) -> None:
    for place, shape in _holed(argv):
        found = _effects((*argv[:place], shape, *argv[place + 1 :]))
        assert not any(map(_marked, found)), (shape, found)
        if _unknown(found):
            continue
        fillings = [(one,) for one in NASTY] + (list(SEVERAL) if SPLIT in shape else [])
        for texts in fillings:
            filled = _filled(argv, place, shape, texts)
            assert _covered(found, _effects(filled)), (argv, place, shape, texts)


@given(st.sampled_from(VECTORS), st.data())
def test_no_text_in_a_hole_does_more_than_was_judged(argv: tuple[str, ...], data: st.DataObject) -> None:
    place, shape = data.draw(st.sampled_from(list(_holed(argv))))
    found = _effects((*argv[:place], shape, *argv[place + 1 :]))
    text = data.draw(st.text("-=/.@:;{}+ex a", max_size=6))
    texts = tuple(text.split()) if SPLIT in shape else (text,)
    assert _unknown(found) or _covered(found, _effects(_filled(argv, place, shape, texts)))


@pytest.mark.parametrize(
    "argv",
    [
        ("echo", SPLIT, HOLE),
        ("grep", "-n", "-e", HOLE, "a"),
        ("grep", "--", HOLE, "a"),
        ("grep", f"x{HOLE}", "a"),
        ("grep", f"--include=*.{HOLE}", "-r", "x", "d"),
        ("head", "-n", HOLE, "a"),
        ("sort", f"-t,{HOLE}", "a"),
        ("date", f"+{HOLE}"),
        ("git", "log", f"--grep={HOLE}"),
        ("git", "log", "--author", HOLE),
        ("jq", "--arg", "n", HOLE, ".", "a"),
        ("timeout", f"5{HOLE}", "echo", HOLE),
        ("test", HOLE, "=", HOLE),
        ("[", "!", "-n", HOLE, "]"),
        ("find", ".", "-name", HOLE),
        ("make", HOLE),
        ("xargs", "grep", "-e", HOLE),
        ("awk", "-v", f"a={HOLE}", "{print}", "a"),
        ("env", f"A={HOLE}", "echo"),
        ("dd", "if=a", f"bs={HOLE}"),
        ("git", "reflog", "expire", "--frob", f"--x={HOLE}"),
    ],
    ids=" ".join,
)
def test_unknown_text_that_is_data_is_accounted_for(argv: tuple[str, ...]) -> None:
    assert not _unknown(_effects(argv))


@pytest.mark.parametrize(
    "argv",
    [
        (HOLE,),
        (f"/usr/bin/{HOLE}",),
        ("cat", HOLE),
        ("cat", f"d/{HOLE}"),
        ("cat", "--", HOLE),
        ("grep", HOLE, "a"),
        ("grep", "-e", SPLIT, "a"),
        ("grep", f"-n{HOLE}", "x", "a"),
        ("grep", f"-e{HOLE}", "a"),
        ("grep", "--", SPLIT, "a"),
        ("grep", f"--{HOLE}", "x", "a"),
        ("git", HOLE),
        ("git", "-C", HOLE, "status"),
        ("git", "show", HOLE),
        ("git", "push", "origin", f"x{HOLE}"),
        ("git", "config", f"user.{HOLE}", "x"),
        ("cp", "a", HOLE),
        ("rm", "-r", f"d/{HOLE}"),
        ("sed", f"s/x/{HOLE}/", "a"),
        ("sed", f"-i{HOLE}", "d", "a"),
        ("awk", HOLE, "a"),
        ("awk", "{print}", f"a={SPLIT}"),
        ("jq", f".{HOLE}", "a"),
        ("jq", "--arg", "n", SPLIT, "."),
        ("yq", f".{HOLE}", "a"),
        ("find", HOLE),
        ("find", ".", "-name", SPLIT),
        ("find", ".", f"-newerX{HOLE}", "a"),
        ("find", ".", "-exec", "echo", HOLE, ";"),
        ("xargs", "-n", HOLE, "echo"),
        ("xargs", "-I", "r", "echo", HOLE),
        ("test", HOLE, "a"),
        ("test", "-n", SPLIT),
        ("curl", f"https://example.org/{HOLE}"),
        ("curl", "-d", HOLE, "https://example.org"),
        ("env", f"{HOLE}=x", "echo"),
        ("env", f"A={SPLIT}", "echo"),
        ("timeout", HOLE, "echo"),
        ("timeout", "5", HOLE),
        ("dd", f"of={HOLE}"),
        ("dd", f"{HOLE}=a"),
        ("python", HOLE),
        ("python", "-m", HOLE),
        ("wget", f"-O{HOLE}", "http://h"),
        ("npm", HOLE, "x"),
    ],
    ids=" ".join,
)
def test_unknown_text_that_could_do_something_is_not_accounted_for(argv: tuple[str, ...]) -> None:
    assert _unknown(_effects(argv))


def test_the_ledger_takes_no_hole_into_an_effect_and_rules_still_see_it() -> None:
    ledger = Ledger(PLACE)
    for effect in (
        Read(path=f"/w/{HOLE}"),
        Write(path=f"/w/{HOLE}"),
        Delete(path=f"/w/{SPLIT}"),
        Execute(program=HOLE, argv=(HOLE,), path=None),
        Connect(host=f"{HOLE}.org"),
        Send(provider="p", host=HOLE, model="m", size=1),
        SetEnvironment(name=HOLE, value=""),
    ):
        ledger.add(effect)
    assert all(isinstance(one, Unknown) and not has_hole(one.subject) for one in ledger.effects)
    ledger.effects.clear()
    ledger.add(SetEnvironment(name="A", value=HOLE))
    ledger.add(Execute(program="echo", argv=("echo", HOLE), path=None, operands=(HOLE,)))
    ledger.add(UseConstruct(construct="glob", subject=HOLE))
    assert list(ledger.effects) == [
        SetEnvironment(name="A", value="…"),
        Execute(program="echo", argv=("echo", "…"), path=None, operands=(HOLE,)),
        UseConstruct(construct="glob", subject=HOLE),
    ]


def test_an_address_with_a_hole_is_no_host() -> None:
    ledger = Ledger(PLACE)
    ledger.connect(f"https://example.org{HOLE}/", "/w", None)
    assert _unknown(ledger.effects)


def test_below_an_unknown_directory_every_path_is_unknown() -> None:
    ledger = Ledger(PLACE)
    assert ledger.read("a", f"/w/{HOLE}", None) is None
    assert _unknown(ledger.effects)
