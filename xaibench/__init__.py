"""Which explanation method should I trust for this model, on this data, and how sure are we?"""
