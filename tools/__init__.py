"""Does what was permitted, and nothing else.

toolbox      redeems a permit and performs its action: the only way in
permit       the permit and its issuer           result       what a tool gives back
errors       the errors of this room             text         caps on output, names made visible

paths        opening below a descriptor          walk         walking a tree by descriptors
files        read and write                      atomic       replacing a file as a whole
edit         changing a part of a file           diff         unified diffs
preview      what a write or edit would change   command      a command's outcome in words
search       grep                                ripgrep      which files are worth reading
patterns     RE2 and globs                       gitignore    what git would ignore
find         find and ls                         runner       what runs a plan, as an interface
git          git's answers, parsed               git_message  a message from what is staged

process      runs a plan confined                launch       starts and watches it
specification  a plan for the launcher           compiled_words  the words of it
witness      hears what a run finds out          report       what the launcher tells
capture      keeps a program's output            outcome      how a plan ended
opinions     other parsers, asked: bashlex_helper, tree_sitter_opinion
sandbox      the kernel layers
"""

from __future__ import annotations

from .errors import ChangedError, LimitError, MissingError, PathError, PermitError, SandboxError, ToolError

__all__ = ["ChangedError", "LimitError", "MissingError", "PathError", "PermitError", "SandboxError", "ToolError"]
