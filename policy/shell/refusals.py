"""Everything that is refused, by name: what a person reads, and what a model can do instead.

The names are stable: policies, tests and the audit log know them.
"""

from __future__ import annotations

from typing import Final, Literal

from ..errors import ShellSyntaxError
from ..spans import Span

Construct = Literal[
    # text
    "bidirectional_character",
    "carriage_return",
    "control_character",
    "exotic_blank",
    "invisible_character",
    "nul_character",
    "surrogate",
    "too_deep",
    "too_long",
    "too_many_commands",
    "too_many_words",
    "unaccounted_text",
    # words
    "ansi_c_quote",
    "arithmetic_expansion",
    "backtick",
    "brace_expansion",
    "command_substitution",
    "dollar",
    "extended_glob",
    "line_continuation",
    "locale_quote",
    "parameter_expansion",
    "process_substitution",
    "special_parameter",
    "tilde_in_word",
    "tilde_user",
    "trailing_backslash",
    "unclosed_quote",
    # commands
    "append_assignment",
    "arithmetic_command",
    "array_assignment",
    "background",
    "case",
    "case_terminator",
    "conditional_expression",
    "coproc",
    "empty_command",
    "for",
    "function",
    "group",
    "if",
    "job_control",
    "negation",
    "parenthesis",
    "pipe_stderr",
    "reserved_word",
    "select",
    "subshell",
    "time",
    "unfinished_list",
    "until",
    "while",
    # redirections
    "descriptor",
    "descriptor_path",
    "descriptor_variable",
    "duplicate_target",
    "here_document_delimiter",
    "here_document_expansion",
    "here_document_line",
    "here_string",
    "network_redirection",
    "redirect_read_write",
    "redirect_target",
    "unclosed_here_document",
    # resolving
    "ambiguous_redirection",
    "argument_too_long",
    "assignment_in_pipeline",
    "assignment_order",
    "assignment_to_environment",
    "assignment_with_redirection",
    "backslash_in_value",
    "builtin",
    "cd_assignment",
    "cd_in_pipeline",
    "cd_missing",
    "cd_operand",
    "cd_option",
    "cd_path_variable",
    "cd_previous",
    "cd_redirection",
    "conditional_assignment",
    "conditional_cd",
    "dynamic_program",
    "glob_after_change",
    "glob_bracket",
    "glob_name",
    "glob_path",
    "glob_too_large",
    "option_from_value",
    "path_assignment",
    "shell_variable",
    "special_variable",
    "unresolvable",
]

_LITERAL: Final = "write the value itself, or run the inner command first as a call of its own"
_ONE_BY_ONE: Final = "run the commands one by one, or put the logic in a script file and ask to run that"
_VISIBLE: Final = "type the command with ordinary characters only"
_SPLIT: Final = "split it into several calls"

REFUSALS: Final[dict[Construct, tuple[str, str]]] = {
    "bidirectional_character": ("a bidirectional control character shows text in another order than it is read", _VISIBLE),
    "carriage_return": ("a carriage return is not a line end for a shell", "end lines with a newline only"),
    "control_character": ("a control character cannot be shown safely", "use printf escapes such as `\\033` where a program needs it"),
    "exotic_blank": ("a blank that looks like a space but does not separate words", "use ordinary spaces"),
    "invisible_character": ("a character that cannot be seen", _VISIBLE),
    "nul_character": ("a NUL character cannot be part of a command", _VISIBLE),
    "surrogate": ("a lone surrogate is not a character", _VISIBLE),
    "too_deep": ("braces are nested too deeply", "quote the word"),
    "too_long": ("the command is too long", "write long content with the `write` tool, and keep the command short"),
    "too_many_commands": ("there are too many commands in one call", _SPLIT),
    "too_many_words": ("there are too many words in one call", _SPLIT),
    "unaccounted_text": ("a part of the text was not understood", "write the command more simply"),
    "ansi_c_quote": ("`$'...'` decodes escapes", "use '...' or \"...\"; printf can make special characters"),
    "arithmetic_expansion": ("arithmetic is not evaluated", "write the result"),
    "backtick": ("a command substitution runs a hidden command", _LITERAL),
    "brace_expansion": ("braces that a shell would expand", "write the words out, or quote the braces"),
    "command_substitution": ("a command substitution runs a hidden command", _LITERAL),
    "dollar": ("a `$` that starts nothing known", "put it in single quotes to mean the character itself"),
    "extended_glob": ("an extended glob", "use `*`, `?` and `[...]`, or quote the word"),
    "line_continuation": ("a backslash at the line's end is glued to a word or sign", "put a space before the backslash"),
    "locale_quote": ('`$"..."` translates its text', 'use "..." without the dollar sign'),
    "parameter_expansion": ("only `$NAME` and `${NAME}` are read", _LITERAL),
    "process_substitution": ("a process substitution runs a hidden command", "write to a file, or use a pipe"),
    "special_parameter": (
        "a special parameter of the shell has no value here",
        "write the value itself; the exit status is part of every result",
    ),
    "tilde_in_word": ("`~` behind `=` or `:` is expanded in some places only", "write $HOME, or quote the `~`"),
    "tilde_user": ("only `~` and `~/...` are read", "write the path, or quote the `~`"),
    "trailing_backslash": ("the command ends in a backslash", "finish the line or remove the backslash"),
    "unclosed_quote": ("a quote is not closed", "close it; inside single quotes a quote is written '\\''"),
    "append_assignment": ("`+=` appends to a variable", "write the whole value: NAME=value"),
    "arithmetic_command": ("`((...))` evaluates arithmetic", "use test with -eq, -lt, ..., or write the result"),
    "array_assignment": ("arrays are not read", "write the words out"),
    "background": ("`&` starts a command in the background", "run it in the foreground; every call waits for its command"),
    "case": ("`case` is not read", _ONE_BY_ONE),
    "case_terminator": ("`;;` and `;&` belong to `case`", "use a single `;`"),
    "conditional_expression": ("`[[ ... ]]` is not read", "use `[ ... ]`"),
    "coproc": ("`coproc` starts a command in the background", "run it in the foreground"),
    "empty_command": ("a command is missing", "remove the sign, or write the command"),
    "for": ("`for` is not read", "write the commands out, or use find or xargs"),
    "function": ("functions are not read", "call the commands themselves"),
    "group": ("`{ ...; }` is not read", "write the commands without the braces"),
    "if": ("`if` is not read", "use `&&` and `||`, or look first and decide in the next call"),
    "job_control": ("a name that starts with `%` means a job", "write the command itself"),
    "negation": ("`!` is not read", "use `||`, or read the exit status in the result"),
    "parenthesis": ("a parenthesis that is not quoted", "quote it: '(' or \\("),
    "pipe_stderr": ("`|&` pipes standard error too", "write `2>&1 |`"),
    "reserved_word": ("a word of the shell's grammar in the place of a program", "quote it if it is a program's name"),
    "select": ("`select` is not read", _ONE_BY_ONE),
    "subshell": ("a subshell is not read", "write the commands without the parentheses; a `cd` does not outlast the call"),
    "time": ("`time` is not read", "run the command without it; the result says how long it took"),
    "unfinished_list": ("the command ends after an operator", "write the command that follows, or remove the operator"),
    "until": ("`until` is not read", _ONE_BY_ONE),
    "while": ("`while` is not read", _ONE_BY_ONE),
    "descriptor": ("only the descriptors 0 to 9 are read", "use 0, 1 or 2"),
    "descriptor_path": ("a path that stands for an open descriptor", "use `<&N` or `>&N`"),
    "descriptor_variable": ("`{name}>` opens a descriptor and keeps it in a variable", "use a number: `3>file`"),
    "duplicate_target": ("only `>&1`, `2>&1` and `>&-` are read", "to redirect both streams write `>file 2>&1`"),
    "here_document_delimiter": ("the delimiter of a here-document must be a plain name in quotes", "write <<'EOF'"),
    "here_document_expansion": ("a here-document without a quoted delimiter is expanded", "quote the delimiter: <<'EOF'"),
    "here_document_line": ("the line of a here-document goes on in the next one", "write it on one line"),
    "here_string": ("a here-string is not read", "use a here-document: <<'EOF'"),
    "network_redirection": ("the shell would open a network connection for this path", "use a program that the policy knows"),
    "redirect_read_write": ("`<>` opens a file for reading and writing", "use `<` or `>`"),
    "redirect_target": ("a redirection needs a file name", "write the file right after the sign"),
    "unclosed_here_document": ("a here-document is not closed", "end it with the delimiter alone on a line"),
    "ambiguous_redirection": ("the target of a redirection is not exactly one word", "quote it, or write the path"),
    "argument_too_long": ("the expanded words are too long together", "use shorter values or fewer words"),
    "assignment_in_pipeline": ("an assignment inside a pipeline is lost", "assign before the pipeline"),
    "assignment_order": ("a redirection uses a variable that the same command sets", "write the path itself"),
    "assignment_to_environment": (
        "an assignment to a variable of the environment changes every later command",
        "write it before the one command that needs it: NAME=value command",
    ),
    "assignment_with_redirection": ("an assignment together with a redirection but without a command", "write them one after the other"),
    "backslash_in_value": ("a backslash in an unquoted value can escape a glob", 'quote it: "$NAME"'),
    "builtin": ("a builtin of the shell that is not provided", _ONE_BY_ONE),
    "cd_assignment": ("an assignment before `cd`", "write `cd` alone"),
    "cd_in_pipeline": ("`cd` inside a pipeline does not last", "write `cd` before the pipeline"),
    "cd_missing": ("`cd` into something that is not a directory now", "create the directory in an earlier call"),
    "cd_operand": ("`cd` takes one directory", "write cd DIRECTORY"),
    "cd_option": ("options of `cd` are not read", "write cd DIRECTORY"),
    "cd_path_variable": ("CDPATH changes what `cd` means", "write the absolute path in the commands instead"),
    "cd_previous": ("`cd -` depends on what ran before", "write the directory"),
    "cd_redirection": ("a redirection can keep `cd` from running", "write `cd` alone"),
    "conditional_assignment": ("it is not certain whether an assignment runs before later commands", "assign first, without a condition"),
    "conditional_cd": (
        "it is not certain whether `cd` runs before later commands",
        "start with `cd DIRECTORY &&`, or use a call of its own",
    ),
    "dynamic_program": ("the program to run is not a fixed name", "write the program's name itself"),
    "glob_after_change": (
        "a glob after a command that may change which files there are",
        "run the command with the glob in a call of its own",
    ),
    "glob_bracket": ("a bracket in a glob that is not read", "use plain letters, digits and ranges in [...], or quote the word"),
    "glob_name": (
        "a glob may match a name on which shells differ (not UTF-8, or a letter outside ASCII in a class)",
        "name the file in another way",
    ),
    "glob_path": ("a glob with `//`, `.` or `..` behind a pattern", "write a plain path behind the pattern"),
    "glob_too_large": ("a glob is too large or matches too much", "use a narrower pattern, or find"),
    "option_from_value": ("an unquoted value would become an option", 'write the option itself, or quote it: "$NAME"'),
    "path_assignment": ("a PATH before a command changes which program runs", "write the program's path"),
    "shell_variable": ("a variable that the shell itself provides", "write the value itself"),
    "special_variable": ("an assignment to a variable that changes how a shell works", "use another name"),
    "unresolvable": ("the command cannot be resolved", "write it more simply"),
}


def refusal(construct: Construct, span: Span, subject: str = "") -> ShellSyntaxError:
    """The error for a construct at a place; `subject` is what was met there."""
    message, hint = REFUSALS[construct]
    return ShellSyntaxError(_about(subject, message), construct=construct, span=span, hint=hint)


def builtin_refusal(name: str, span: Span, why: str, hint: str) -> ShellSyntaxError:
    """The error for a builtin of bash that has no program, or where the program answers differently."""
    return ShellSyntaxError(_about(name, why), construct=f"builtin_{_BUILTIN_NAMES.get(name, name)}", span=span, hint=hint)


_BUILTIN_NAMES: Final = {".": "source", "[": "test"}


def _about(subject: str, message: str) -> str:
    return f"`{subject[:80]}`: {message}" if subject else message
