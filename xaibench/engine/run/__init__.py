"""A run: from settings to results, block after block; whatever is on disk already is not done again.

Enters: a `Config`, a folder, and an observer to be kept informed.
Leaves: the results folder (rows, maps, manifest, report) and its `Results`.
Called by: tools, `xaibench.run` and the command line.
Only this room writes into a results folder.
"""
