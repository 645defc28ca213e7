"""`python -P -m bylaw`: the same as the console script. Without `-P` a workspace could shadow the package."""

from .agent.cli import main

raise SystemExit(main())
