"""The prepared network: an exact and faster copy of a model, checked against the model itself.

Enters: a `Classifier` and an image to check with.
Leaves: a `PreparedNetwork` with its forward, or the plain network and the reason.
Called by: work, when a block is loaded.
Compiled and bfloat16 networks are made here, too; rows say which one ran.
"""
