"""Work on one block on one device: from the images of a shard to rows and maps; nothing is written.

Enters: messages (`Opening`, `ShardTask`), the block to load, and what is present on disk.
Leaves: messages (`OpenedBlock`, `TaskResult`) with rows, maps to keep, and a tally of what it took.
Called by: run through an executor, in this process or another.
All messages can be pickled.
"""
