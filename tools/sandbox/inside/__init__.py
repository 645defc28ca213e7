"""What runs on the far side of the sandbox's wall: a program of its own, standard library only.

    launcher    the script that is started: reads its specification, becomes the keeper
    keeper      outlives the plan, ends every process that is left, says how many
    confine     Landlock, capabilities, no_new_privs and resource limits, put on by the process itself
    steps       carries out a plan: lists, pipelines, programs; what a plan needs beyond that is loaded only then:
    compound    groups, functions, branches, loops; conditions: `[[ ]]` and `test`
    simple      commands that are no programs: builtins, printf (escapes, floats), reading, lookups, directories
    state       what a shell remembers between commands
    children    how started processes ended, or why they were not started
    words       what only the run knows: globs, sums; `captures` tells the parent before it takes effect
    files       redirections; paths: opens a path without following a symbolic link
    shapes      the form of the specification, for type checkers and the parent

Nothing here imports the rest of bylaw: the launcher starts isolated, from a directory that it does not trust.
"""
