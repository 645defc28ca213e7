"""Reading shell: a subset of bash that is understood completely; everything else is refused by name.

    refusals        every construct that is refused, what a person reads and what a model can do instead
    caps            how much of a command is read and resolved at most
    characters      characters that no command may hold

Text to tree:

    tree            what a script is made of; every character has its place
    walk            every command in a tree, and every piece of its text
    cursor          where the reader stands: trivia, depth, what is counted
    lexer           words; quotes, braces, parameters, arithmetic, substitutions: what stands in them
    redirections    `<`, `>`, `>>`, `2>&1`, `<<<`; documents: here-documents
    compound        groups, `if`, loops, `for`, `case`, functions; conditional: `[[ ]]`
    parser          lists, pipelines, simple commands: `parse`

Words to values:

    variables       the variables that bash gives a meaning
    patterns        shell patterns as regular expressions; globs: names in the real tree that match
    calculation     the value of a sum; operations, parameter_values: the value of `${NAME...}`
    expand          words to values; fields: values to words
    late            words that only the run knows; slots: the same in assignments

Tree to plan:

    state           what is known at one point of a script, and how two ways are joined
    flow            lists and pipelines, in every way that a run may take
    bodies          compound commands; functions: calls; opened: redirections
    commands        simple commands and assignments
    provided        builtins that change the shell or ask it; directories: `cd`, `pushd`, `popd`
    builtins        what bash answers itself, and where a program answers alike
    resolve         a tree in a scope becomes a plan and the constructs it uses: `resolve`

Other parsers:

    facts           what our tree says, in the form in which they can be asked
    opinions        comparison with them; differences: where they are known to be wrong

No shell runs the text afterwards: the plan is what is judged and what runs.
"""

from __future__ import annotations

from .opinions import Disagreement, Heard, Opinion, compare, disagreement, names
from .parser import parse
from .resolve import Resolved, resolve
from .tree import Script

__all__ = ["Disagreement", "Heard", "Opinion", "Resolved", "Script", "compare", "disagreement", "names", "parse", "resolve"]
