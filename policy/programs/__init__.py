"""Program profiles: one YAML file a program, and `aliases.yaml`. The format: docs of `policy.profiles`."""
