"""Pictures for the demos, drawn when one is played: no file of them is kept here, and they are nobody else's."""

from __future__ import annotations

from collections.abc import Callable

from . import tarrowby, xingwan

# What draws each, as a JPEG file that is the same every time.
DRAWINGS: dict[str, Callable[[], bytes]] = {
    "bridge-in-the-evening": tarrowby.bridge_in_the_evening,
    "bridge-at-night": tarrowby.bridge_at_night,
    "tree-in-the-arch": tarrowby.tree_in_the_arch,
    "bridge-under-stars": tarrowby.bridge_under_stars,
    "river-town": xingwan.river_town,
    "under-the-bridge": xingwan.under_the_bridge,
    "nose-to-nose": xingwan.nose_to_nose,
    "umbrellas": xingwan.umbrellas,
}
