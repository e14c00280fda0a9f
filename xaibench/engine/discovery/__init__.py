"""Plugins: found by entry point, checked, and looked up by name; what xaibench itself requires.

Enters: the entry points of the installed packages, and names.
Leaves: a `Registry` of specifications, reasons why a plugin is broken, the files of a new package.
Called by: plan, work, run and tools.
It imports no torch: naming a plugin loads none of its functions.
"""
