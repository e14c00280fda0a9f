"""Pictures: opened and resized once, decoded ahead of need, and asked about their classes.

Enters: the examples of a data set and a model's preprocessing.
Leaves: `Picture`s with pixels, regions and hashes, and the `Trial`s of a `Batch`.
Called by: plan's readers in work, and run and tools.
A picture that cannot be read carries its error instead of pixels.
"""
