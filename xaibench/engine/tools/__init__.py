"""The work of the smaller verbs: explain, score, inspect, doctor, sanity, calibrate and reproduce.

Enters: the arguments of `xaibench.explain`, `xaibench.score` or a verb.
Leaves: maps, scores, findings and tables as plain data; nothing is printed here.
Called by: the command line and users' Python.
It may use every room below.
"""
