"""The agent: a model works, the gate decides.

gate.py          the one door: judge, confirm, perform, record
held.py          what the layers of this machine cannot hold of a call, judged
preparation.py   what must be known before a person is asked
question.py      what a person is shown;  describe.py, plans.py, visible.py: decisions and plans in words, made safe to show
grants.py        approvals that outlive one call
nested.py        captured commands are calls of their own, on the record before they run
recorder.py      the events of calls, for the record;  redaction.py: secrets are replaced first
approvals/       who is asked, and how
loop.py          model turn, tool calls, model turn...;  events.py: what a run tells its viewers
prompt.py        what the model is told;  providers/: the models;  http.py: the only way out
session.py       a policy, a record, a gate and a model, put together
machine.py       what `bylaw doctor` finds out about this machine
directories.py   where bylaw keeps its own things;  cache.py: what is slow to make, kept there
cli/             the command line;  demo/: the main job in a small repository
"""
