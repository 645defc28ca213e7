"""What runs on the far side of the sandbox's wall: a program of its own, standard library only.

    launcher    the script that is started: forks launchers, or becomes one
    jail        builds a jail with bubblewrap and joins it; groups: the control group around a launcher
    calls       serves calls, each in a thread that confines itself; messages: what crosses the wall
    confine     Landlock, capabilities, no_new_privs and resource limits
    filters     the filter of system calls, and the answers to those that it refuses; filter_trial tries it for the probe
    keeper      ends every process that is left, and says how many
    steps       carries out a plan: lists, pipelines, programs; what a plan may need beyond that:
    compound    groups, functions, branches, loops; conditions: `[[ ]]` and `test`
    simple      commands that are no programs: builtins, printf (escapes, floats), reading, lookups, directories
    state       what a shell remembers between commands
    children    how started processes ended, or why they were not started
    words       what only the run knows: globs, sums; `captures` tells the parent before it takes effect
    files       redirections; paths: opens a path without following a symbolic link
    shapes      the form of the specification, for type checkers and the parent

Nothing here imports the rest of bylaw: the launcher starts isolated, from a directory that it does not trust.
"""
