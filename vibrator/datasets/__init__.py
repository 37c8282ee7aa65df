"""Checked readers that yield the nouns."""

from vibrator.datasets.actions import ActionFrames, Actions, load_actions, read_action_frames
from vibrator.datasets.catalogue import Items, LoadedSliders, load_items, load_sliders
from vibrator.datasets.export import write_actions
from vibrator.datasets.report import ReadReport
from vibrator.datasets.tables import Query

__all__ = [
    "ActionFrames",
    "Actions",
    "Items",
    "LoadedSliders",
    "Query",
    "ReadReport",
    "load_actions",
    "load_items",
    "load_sliders",
    "read_action_frames",
    "write_actions",
]
