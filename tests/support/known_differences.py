"""Scripts that other parsers are known to read wrongly."""

from __future__ import annotations

from typing import Final

KNOWN: Final[dict[str, list[str]]] = {
    "time": ["time a", "time a | b"],
    "too_long": ["a " + "b" * 4_096],
    "here_document": ["a <<'E'\nb\nE", "a <<E\nb\nE"],
    "lines_in_substitution": ["a $(b\nc)", "a <(b\nc)"],
    "substitution_in_parameter": ["a ${x:-$(b)}", "a ${x#$(b)}", "a ${x:-`b`}"],
    "substitution_in_pattern": ["a ${x#$(b)}", "a ${x:-`b`}"],
    "substitution_after_quote": ["a 'b'$(c)'d'", 'a "b"<(c)', "a 's/'\"$(c)\"'/x/'"],
    "quoted_code": ["a b'$(c)'", "a '$(b)'c", "a $'$(b)\\''", "a b'${'"],
    "late_assignment": [">f x=1 a"],
    "redirection_before_name": ["a | x=1 >f b"],
    "empty_substitution": ["a ``"],
    "arithmetic_command": ["((1)) && a"],
    "comment_after_sign": ["a;#b\nc", "a &# b"],
    "indented_document": ["a <<-E\n\t$(b)\n\tE"],
    "joined_document": ["a <<E |\nb\nE\nc", "a <<E &&\nb\nE\nc"],
    "nearly_closed_document": ["a <<E\nE \nE"],
    "backticks_in_document": ["a <<E\n`b`\nE"],
    "negated_compound": ["! { a; }"],
    "escaped_backslash": ["a $'b\\\\'; c #'"],
    "sum_in_document": ["a <<E\n$((1 + 1))\nE"],
    "continuation": ["a\n\\\nb"],
    "continued_text": ['a "b\\\n$(c)"'],
}
"""By the name of a difference, scripts that have it; some have another too."""
