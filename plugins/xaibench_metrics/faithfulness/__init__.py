"""Metrics that change the image and measure the score of the target class.

Functions and specifications lie side by side: `curves.py` has its specifications and conventions in
`specs_curves.py`, and so on. Presets that follow other libraries are in `specs_peers.py`. Specifications
import no torch, so that metrics can be listed without it.
"""
