"""Parts that all contracts share: clauses, comparisons of tensors, side effects, and tiny networks."""
