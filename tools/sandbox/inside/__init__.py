"""What runs on the far side of the sandbox's wall: a program of its own, standard library only.

    launcher    the script that is started: reads its specification, becomes the keeper
    keeper      outlives the plan, ends every process that is left, says how many
    confine     Landlock, capabilities, no_new_privs and resource limits, put on by the process itself
    steps       carries out a plan: pipelines, redirections, `cd`
    paths       opens a path without following a symbolic link

Nothing here imports the rest of bylaw: the launcher starts isolated, from a directory that it does not trust.
"""
