"""The contract of explainers: clauses about maps, side effects and costs."""
