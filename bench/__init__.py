"""Measurements. `python -m bench` lists them; each needs only an installed checkout.

    startup     what a start of the program costs, as a ratio to `python -c pass`
    verdicts    what the shipped policies say to every command of the corpora
    decisions   what one decision costs, as a ratio to `shlex.split` and `json.loads`
    audit       what one record costs, as a ratio to a plain write
    range       which attacks succeed under the policy alone, the sandbox alone, and both (minutes; not in `all`)

A ratio is of medians of one run, the two sides taken in turns, so that a busy machine slows both.
"""
