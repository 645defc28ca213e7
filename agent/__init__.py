"""The agent: a model works, the gate decides.

gate.py          the one door: judge, confirm, perform, record
preparation.py   what must be known before a person is asked
question.py      what a person is shown;  describe.py, visible.py: decisions in words, made safe to show
grants.py        approvals that outlive one call
recorder.py      the events of calls, for the record;  redaction.py: secrets are replaced first
approvals/       who is asked, and how
loop.py          model turn, tool calls, model turn...;  events.py: what a run tells its viewers
prompt.py        what the model is told;  providers/: the models;  http.py: the only way out
cli/             the command line
"""
