"""bylaw: a coding agent that works under written rules."""

__version__ = "0.1.0"
