"""Scripts whose flow is followed do in bash what their plan says, in every way that can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plan_comparison import Comparison

SCRIPTS = (
    "cd d; m0; cd ..; m1",
    "cd d && m0 && cd .. && m1",
    "cd d || exit; m0",
    "(cd d && m0); m1",
    "cd d | m0; m1",
    "cd link && m0; cd ..; m1",
    'n0 && x=1; m0 "$x"',
    'm0 && x=1; m1 "$x" $x',
    "x=1 | m0; m1 $x",
    'x=$(m0); m1 "$x" $x',
    'x=a; x+=b; m0 $x; n0 && x=c; x+=d; m1 "$x"',
    "X0=changed; m0; unset X0; m1",
    "export A=1; m0; A=2; m1; (A=3; m2); m3",
    "A=1; m0; export A; m1; unset A; m2",
    'export A="$(echo b c)" B=2; m0',
    "if m0; then m1; else m2; fi; if n0; then m3; elif m4; then m5; else m6; fi",
    "for i in a b c; do m0 $i; done; m1 $i",
    "for i in a b c; do m0 $i; if [ $i = b ]; then break; fi; m1; done; m2 $i",
    "for i in a b c; do [ $i = b ] && continue; m0 $i; done",
    "for i in a b; do for j in c d; do m0 $i $j; if [ $j = c ]; then continue 2; fi; m1; done; done",
    'for i in $(echo p q); do m0 "$i"; done; m1 "$i"',
    "for i in; do m0; done; m1",
    'set -- p q; for i; do m0 $i; done; m1 $# "$@" $1',
    "set -- p q r; shift; m0 $1 $#; shift 5; m1 $#; set --; m2 $#",
    'i=0; while [ "$i" -lt 3 ]; do m0 "$i"; i=$((i+1)); done; m1 "$i"',
    'i=0; until ((i >= 2)); do m0 "$i"; ((i++)); done',
    "printf 'a b\\nc d\\n' | while read -r x y; do m0 \"$y\" \"$x\"; done; m1 \"$x\"",
    "while read -r x; do m0 \"$x\"; done <<< 'one two'",
    "while IFS=: read -r x y; do m0 \"$x\" \"$y\"; done <<'E'\na:b\nc:d\nE",
    'while read -r x; do m0 "$x"; done; m1',
    "case $X0 in *) m0;; esac; case ab in a) m1;; a*) m2;& x) m3;; *) m4;; esac",
    "case $(echo q) in q) m0;;& *) m1;; esac",
    "f() { m0 $1 $#; x=$1; return 3; m1; }; f a b; m2 $? $x; f c && m3 || m4",
    "f() { for i in a b; do m0 $i; return; done; }; f; m1",
    "f() { m0 in; }; f | m1; f >f1; (f); m2",
    "f() ( cd d; x=1; m0 ); f; m1 $x",
    'm1() { m2 "$@"; }; m1 a; command m1 b',
    "f() { g; }; g() { m0; }; f",
    "[[ -f a.txt && ! -d a.txt ]] && m0; [[ $X0 == * ]] && m1; [[ a == b || -n x ]] && m2",
    "((3 > 2)) && m0; ((0)) || m1",
    "! m0; m1 $?; ! n0 && m2",
    "set -e; m0; n0; m1",
    "set -e; n0 || m0; if n1; then m1; fi; n2 && m2; m3; (n3; m4); m5",
    "set -o pipefail; n0 | m0; m1 $?; set +o pipefail; n0 | m0; m1 $?",
    "set -u; m0 $X0",
    "m0 && exit 3; m1",
    "{ m0; exit 2; }; m1",
    "(exit 4); m0 $?",
    "m0 $(exit 3); x=$(exit 3); m1 $?",
    "pushd d && m0 && popd && m1",
    "pushd d >/dev/null && m0 && popd >/dev/null; m1",
    "{ m0; m1; } >f1; if m2; then m3; fi >>f1; m4 <f1",
    'for i in a b; do m0 $i; done >f1; while read -r x; do m1 "$x"; done <f1',
    "cd d; m0 >f1; cd ..; m1 >>f1",
    "touch z1; m0 z*",
    "type m0; command -v m0; command -v nothing || m1",
    "true; m0 $?; false; m0 $?; : $(m1)",
    "x=${X0:-y}; m0 $x; m1 ${z:-q} ${z:=r} $z",
    "m0 <<E\n$X0 $(echo in) $((1+1))\nE",
)  # fmt: skip


def test_bash_and_the_plan_do_the_same(against_bash: Callable[[Sequence[str]], Comparison]) -> None:
    found = against_bash(SCRIPTS)
    assert found.differences == []
    assert found.exact == len(SCRIPTS), (found.refused, found.shell)
