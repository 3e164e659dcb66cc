"""Figures to touch: one idea each, in the page itself, with no library, no kernel and no network.

What a function returns is HTML that a reader without scripts can read, its data, and a script that takes over. A page
may hold a figure twice: nothing in it has an id.
"""

from course.touch.atom_links import atom_links, drawing
from course.touch.attention_plane import attention_plane
from course.touch.cluster import cluster
from course.touch.descent import descent
from course.touch.erasure_strength import erasure_strength
from course.touch.fewer_heads import fewer_heads
from course.touch.layer_steps import layer_steps
from course.touch.learning_curves import learning_curves
from course.touch.mask_grid import mask_grid
from course.touch.next_token_bars import next_token_bars
from course.touch.roofline import roofline
from course.touch.rotary_clock import rotary_clock
from course.touch.rounded_weights import rounded_weights
from course.touch.soft_targets import soft_targets
from course.touch.taken_away import taken_away
from course.touch.tile_walk import tile_walk
from course.touch.untrained_stack import untrained_stack

__all__ = [
    "atom_links",
    "attention_plane",
    "cluster",
    "descent",
    "drawing",
    "erasure_strength",
    "fewer_heads",
    "layer_steps",
    "learning_curves",
    "mask_grid",
    "next_token_bars",
    "roofline",
    "rotary_clock",
    "rounded_weights",
    "soft_targets",
    "taken_away",
    "tile_walk",
    "untrained_stack",
]
