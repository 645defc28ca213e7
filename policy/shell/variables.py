"""The variables that bash itself gives a meaning (bash 5.2 manual, "Shell Variables")."""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SPECIAL: Final = _names(
    """
    BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND BASH_COMPAT BASH_ENV
    BASH_EXECUTION_STRING BASH_LINENO BASH_LOADABLES_PATH BASH_REMATCH BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO
    BASH_VERSION BASH_XTRACEFD CDPATH CHILD_MAX COLUMNS COMP_CWORD COMP_KEY COMP_LINE COMP_POINT COMP_TYPE
    COMP_WORDBREAKS COMP_WORDS COMPREPLY COPROC DIRSTACK EMACS ENV EPOCHREALTIME EPOCHSECONDS EUID EXECIGNORE FCEDIT
    FIGNORE FUNCNAME FUNCNEST GLOBIGNORE GROUPS HISTCMD HISTCONTROL HISTFILE HISTFILESIZE HISTIGNORE HISTSIZE
    HISTTIMEFORMAT HOME HOSTFILE HOSTNAME HOSTTYPE IFS IGNOREEOF INPUTRC INSIDE_EMACS LANG LANGUAGE LINENO LINES
    MACHTYPE MAIL MAILCHECK MAILPATH MAPFILE OLDPWD OPTARG OPTERR OPTIND OSTYPE PATH PIPESTATUS POSIXLY_CORRECT PPID
    PROMPT_COMMAND PROMPT_DIRTRIM PS0 PS1 PS2 PS3 PS4 PWD RANDOM READLINE_ARGUMENT READLINE_LINE READLINE_MARK
    READLINE_POINT REPLY SECONDS SHELL SHELLOPTS SHLVL SRANDOM TERM TEXTDOMAIN TEXTDOMAINDIR TIMEFORMAT TMOUT TMPDIR
    UID auto_resume histchars _
    """
)
"""Assigning one of these for the rest of a script would change what the script means."""

_BEFORE_A_COMMAND: Final = _names(
    """
    BASH_ENV COLUMNS EMACS ENV HISTFILE HOME HOSTNAME INPUTRC INSIDE_EMACS LANG LANGUAGE LINES MAIL SHELL TERM
    TEXTDOMAIN TEXTDOMAINDIR TMPDIR
    """
)
"""Of those, what only the program sees when it stands before one command; the policy judges the name."""

_INHERITED: Final = _names("HOSTNAME HOSTTYPE MACHTYPE OSTYPE PATH SHELL TERM")
"""Bash keeps the value of the environment, and makes one up where there is none."""

_HARMLESS: Final = _names(
    """
    CDPATH CHILD_MAX EMACS ENV EXECIGNORE FCEDIT FIGNORE HOME INPUTRC INSIDE_EMACS LANG LANGUAGE MAIL MAILPATH
    TEXTDOMAIN TEXTDOMAINDIR TMPDIR
    """
)
"""Bash reads these but never sets or changes them without a terminal."""

SWITCHES: Final = _names("BASHOPTS GLOBIGNORE POSIXLY_CORRECT SHELLOPTS")
"""In the environment, these change how a whole script is read or how its words are expanded."""


def changes_the_shell(name: str) -> bool:
    """Whether an assignment that lasts would change how bash works."""
    return name in SPECIAL or name.startswith(("BASH_", "LC_", "COMP_", "READLINE_"))


def may_precede_a_command(name: str) -> bool:
    """Whether `NAME=value command` reaches the program only, and leaves the shell as it is."""
    return name in _BEFORE_A_COMMAND or name.startswith("LC_") or not changes_the_shell(name)


def is_made_by_the_shell(name: str, *, inherited: bool) -> bool:
    """Whether the value of `$NAME` is bash's own, and so unknown here; `inherited`: it stands in the environment."""
    if name in _INHERITED:
        return not inherited
    return name not in _HARMLESS and not name.startswith("LC_") and changes_the_shell(name)
