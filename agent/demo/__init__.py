"""The demonstration: a small repository, a script for the model, and a policy, all in `demo.yaml`."""
