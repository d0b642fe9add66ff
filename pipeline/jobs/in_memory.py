"""Single photos through detector, encoder and captioner, in memory: the row that shards would hold, and no file.

Every photo goes alone, so that nothing depends on what stands beside it: its row is, bit for bit, that of shards made
with `--batch-size 1` on the same device with as many threads, and its caption that of one photo at once. Shards of
larger batches pad photos to a common size and round elsewhere, which changes last bits there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgf.pipeline.captioners import Captioner, CaptionerSpec, build_captioner
from dgf.pipeline.jobs.captioning import caption_input
from dgf.pipeline.jobs.extraction import Networks
from dgf.pipeline.jobs.extraction_spec import FeatureSpec
from dgf.pipeline.jobs.rows import Rows
from dgf.pipeline.photos import ImageError, decode, digest
from dgf.pipeline.shards import Layout, Photo


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """What the networks make of a photo.

    Args:
        arrays: Its row of every array of a feature shard but the regions', by its name there and rounded as there.
        caption: Empty where there is none.
    """

    arrays: Mapping[str, NDArray[Any]]
    caption: str


class PhotoNetworks:
    """The networks for photos of a device, each built when the first photo comes; `captioner` None writes no captions.

    Not to be used from several threads at once.
    """

    def __init__(self, features: FeatureSpec, captioner: CaptionerSpec | None, device: str) -> None:
        self._features = features
        self._captioner = captioner
        self._device = device

    @property
    def layout(self) -> Layout:
        """Sizes of the arrays."""
        return self._networks.layout

    def see(self, data: bytes) -> SeenPhoto:
        """Run the networks on a photo's file.

        Raises:
            ImageError: It is no photo, is damaged, or gives numbers that are not finite.
            UserError: Weights are not there or do not fit.
        """
        pixels = decode(data, self._features.damaged)
        networks = self._networks
        height, width = pixels.shape[:2]
        photo = Photo("", digest(data), (height, width), len(data))
        rows = Rows(networks.layout, 1)
        for failure in networks.add_rows([networks.prepare(photo, pixels)], rows):
            raise ImageError(failure.reason)
        arrays = {name: column[0] for name, column in rows.arrays().items()}
        caption = self._describe(arrays, pixels)
        return SeenPhoto({name: row for name, row in arrays.items() if not name.startswith("regions/")}, caption)

    def _describe(self, arrays: Mapping[str, NDArray[Any]], pixels: NDArray[np.uint8]) -> str:
        captioner, count = self._loaded_captioner, int(arrays["regions/count"])
        if captioner is None:
            return ""
        regions, tags = (arrays[f"regions/{name}"][:count] for name in ("features", "tags"))
        return captioner.caption([caption_input((), regions, tags, self.layout, lambda: pixels)])[0].text

    @cached_property
    def _networks(self) -> Networks:
        return self._features.build_networks(self._device)

    @cached_property
    def _loaded_captioner(self) -> Captioner | None:
        return None if self._captioner is None else build_captioner(self._captioner, self.layout, self._device)
