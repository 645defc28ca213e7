"""Every construct of the shell by its rule: `operator.<name>` for signs that join or redirect, `construct.<name>` for all else.

A policy names them in `operators:` (by the sign) and `constructs:` (by the name), and each line there is a rule like any
other: it has an origin, it is listed, it can be overridden by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .effects import ConstructName
from .records import Record


class Construct(Record):
    """What a construct means, with a command that uses it; `sign` is how `operators:` knows it."""

    meaning: str
    example: str
    sign: str = ""


CONSTRUCTS: Final[Mapping[ConstructName, Construct]] = {
    "pipeline": Construct(sign="|", meaning="the output of one command is the input of the next", example="ls | wc -l"),
    "and_list": Construct(sign="&&", meaning="the next command runs if this one succeeds", example="true && ls"),
    "or_list": Construct(sign="||", meaning="the next command runs if this one fails", example="false || ls"),
    "sequence": Construct(sign=";", meaning="one command after the other", example="ls; pwd"),
    "background": Construct(sign="&", meaning="a command runs while the next ones start", example="ls & pwd"),
    "negation": Construct(sign="!", meaning="success becomes failure, and the other way round", example="! false"),
    "redirect_input": Construct(sign="<", meaning="a file is the input", example="wc -l < README.md"),
    "redirect_output": Construct(sign=">", meaning="the output replaces a file (also `>|`, `&>`)", example="ls > list.txt"),
    "redirect_append": Construct(sign=">>", meaning="the output is added to a file (also `&>>`)", example="ls >> list.txt"),
    "redirect_duplicate": Construct(sign="2>&1", meaning="a descriptor becomes another (`N>&M`) or is closed (`N>&-`)", example="ls 2>&1"),
    "here_document": Construct(sign="<<", meaning="the lines that follow are the input", example="cat <<'E'\nx\nE"),
    "here_string": Construct(sign="<<<", meaning="one word is the input", example="cat <<< x"),
    "newline": Construct(meaning="a line ends, and another command follows", example="ls\npwd"),
    "comment": Construct(meaning="a note that nothing runs", example="ls # list"),
    "time": Construct(meaning="how long a pipeline takes", example="time ls"),
    "assignment": Construct(meaning="a variable gets a value", example="x=1; echo $x"),
    "variable": Construct(meaning="the value of a variable", example="echo $HOME"),
    "parameter_expansion": Construct(meaning="a value with a default, cut or changed", example='x=a.b; echo "${x%.b}"'),
    "special_parameter": Construct(meaning="the exit status and the like (`$?`, `$#`, `$@`)", example="ls; echo $?"),
    "command_substitution": Construct(meaning="the output of a command in a word", example='echo "$(pwd)"'),
    "process_substitution": Construct(meaning="a command that looks like a file", example="diff <(ls) <(ls src)"),
    "arithmetic_expansion": Construct(meaning="the value of a sum", example="echo $((1 + 2))"),
    "brace_expansion": Construct(meaning="several words from one", example="echo {a,b}"),
    "glob": Construct(meaning="the names in the tree that a pattern matches", example="ls src/*.py"),
    "tilde": Construct(meaning="the home directory", example="echo ~"),
    "change_directory": Construct(meaning="later commands start elsewhere (`cd`)", example="cd src && ls"),
    "directory_stack": Construct(meaning="later commands start elsewhere (`pushd`, `popd`)", example="pushd src && ls"),
    "export": Construct(meaning="a variable is given to programs (`export`, `unset`)", example="export CI=1; ls"),
    "set_option": Construct(meaning="how the shell itself behaves (`set -e`, `set -u`)", example="set -e; ls"),
    "read": Construct(meaning="a variable from a line of the input", example='while read -r x; do echo "$x"; done < README.md'),
    "subshell": Construct(meaning="commands that change nothing outside (`( )`)", example="(cd src; ls)"),
    "group": Construct(meaning="commands taken as one (`{ }`)", example="{ ls; pwd; }"),
    "if": Construct(meaning="commands that run if another succeeds", example="if test -f README.md; then ls; fi"),
    "for": Construct(meaning="commands once for each word", example="for x in a b; do echo $x; done"),
    "while": Construct(meaning="commands as long as another succeeds", example="while false; do ls; done"),
    "until": Construct(meaning="commands as long as another fails", example="until true; do ls; done"),
    "case": Construct(meaning="commands by the pattern that a word matches", example="case a in a) ls;; esac"),
    "conditional_expression": Construct(meaning="a test of files and texts (`[[ ]]`)", example="[[ -f README.md ]] && ls"),
    "arithmetic_command": Construct(meaning="a sum that succeeds unless it is 0 (`(( ))`)", example="((1 + 2)) && ls"),
    "function": Construct(meaning="a name for commands of the script", example="f() { ls; }; f"),
}
"""In the order of the documentation. The table has every name of `ConstructName`."""

SIGNS: Final[Mapping[str, ConstructName]] = {one.sign: name for name, one in CONSTRUCTS.items() if one.sign}
NAMED: Final[Mapping[str, ConstructName]] = {name: name for name, one in CONSTRUCTS.items() if not one.sign}


def rule_id(name: ConstructName) -> str:
    """The rule of a construct, whether a policy has it or not."""
    return f"{'operator' if CONSTRUCTS[name].sign else 'construct'}.{name}"


RULES: Final[Mapping[str, ConstructName]] = {rule_id(name): name for name in CONSTRUCTS}


def title(name: ConstructName) -> str:
    """What a person calls it: the sign, or the name in words."""
    return CONSTRUCTS[name].sign or name.replace("_", " ")
