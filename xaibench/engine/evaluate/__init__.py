"""Explaining and scoring: methods are asked, and the stream fills passes with the variants they ask for.

Enters: a `Capture`, its batch, specifications of explainers and metrics, and a forward.
Leaves: an `Outcome` for each of them: maps or scores, or a status with its reason, and the cost.
Called by: work for a run's shards, and tools for a few images.
One method that fails costs its own outcome and no other.
"""
