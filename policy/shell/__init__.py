"""Reading shell: a subset of bash that is understood completely; everything else is refused by name.

    refusals      every construct that is refused, what a person reads and what a model can do instead
    characters    characters that no command may hold
    tree          what a script is made of; every character has its place
    lexer         words: quoting, variables, tilde
    redirections  `<`, `>`, `>>`, `2>&1`, the delimiter of a here-document
    parser        commands, pipelines, lists, here-documents: `parse`
    variables     the variables that bash gives a meaning
    globs         names in the real tree that match a pattern
    expand        words to values
    directories   what `cd` does
    builtins      what bash answers itself, and where a program answers alike
    resolve       a tree in a scope becomes a plan and the constructs it uses: `resolve`
    opinions      comparison with other parsers

No shell runs the text afterwards: the plan is what is judged and what runs.
"""

from __future__ import annotations

from .opinions import Disagreement, Heard, Opinion, compare, disagreement, names
from .parser import parse
from .resolve import Resolved, resolve
from .tree import Script

__all__ = ["Disagreement", "Heard", "Opinion", "Resolved", "Script", "compare", "disagreement", "names", "parse", "resolve"]
