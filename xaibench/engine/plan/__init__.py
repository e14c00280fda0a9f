"""The plan of a run: its settings, and every name in them looked up before anything is done.

Enters: TOML, keywords or options, and a `Registry`.
Leaves: a `Config`, the `Plan` of blocks, explainers and metrics, and this machine's `Part`.
Called by: work, run and tools.
Settings have one definition, `Config`; see there for where a new one is written.
"""
