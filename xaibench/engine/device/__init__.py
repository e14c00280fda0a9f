"""The machine: which device there is, its clock, its memory, and how long code of others may take.

Enters: a device's name, an error, or code to be timed.
Leaves: devices and their facts, durations, whether memory ran out, an interruption after a time limit.
Called by: every room above.
It knows nothing of images, models or methods.
"""
