"""Metrics that compare the map with the boxes or the mask of the target class.

Functions and specifications lie side by side: `boxes.py` has its specifications and conventions in
`specs_boxes.py`, and so on. Parts that conventions share are in `conventions.py`.
"""
