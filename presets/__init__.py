"""The policies that ship with bylaw, as data: one YAML file a preset, rule sets that presets and users include in `sets/`.

    hardened    prove it or a person looks: nothing but reading by tool happens alone
    strict      what only reads is free; what changes anything asks; what cannot be accounted for is refused
    balanced    the default: like strict, but what cannot be accounted for, and the network, ask a person
    permissive  free inside the workspace; a person is asked outside it

`policy.shipped` reads these files.
"""
