"""The sliders of a store: told once, remembered from then on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vibrator.errors import BadInput
from vibrator.personalizer.asking import NO_SLIDERS
from vibrator.sliders import Slider, SliderSet, SliderVector
from vibrator.stores.ports import Store

SLIDERS_NOTE = "sliders"


def sliders_of(store: Store, given: Mapping[str, Any] | None) -> SliderSet:
    """The sliders given, which the store then remembers; or those it remembers."""
    known = store.note(SLIDERS_NOTE)
    if given is None:
        if known is None:
            raise BadInput(NO_SLIDERS)
        return SliderSet({name: _slider(plain) for name, plain in json.loads(known).items()})
    sliders = SliderSet(given)
    plain = json.dumps({name: _plain(slider) for name, slider in sliders.items()})
    if plain != known:
        store.set_note(SLIDERS_NOTE, plain)
    return sliders


def _plain(slider: Slider | SliderVector) -> dict[str, Any]:
    if isinstance(slider, SliderVector):
        return {"vector": slider.vector, "version": slider.version}
    return {"text": slider.text, "opposite": slider.opposite, "version": slider.version}


def _slider(plain: dict[str, Any]) -> Slider | SliderVector:
    if "vector" in plain:
        return SliderVector(tuple(plain["vector"]), plain["version"])
    return Slider(**plain)
