"""Which library brings an encoder."""

from dgf.pipeline.encoders.base import VGG16, EncoderBackend, EncoderSpec, PhotoEncoder
from dgf.pipeline.errors import UserError

PUBLISHED = {
    "clip": "openai/clip-vit-base-patch32",
    "siglip": "google/siglip-base-patch16-224",
    "dinov2": "facebook/dinov2-base",
    "vit": "google/vit-base-patch16-224",
}
"""Short names -> the checkpoint of the Hugging Face hub that each stands for."""


def find_encoder(spec: EncoderSpec) -> EncoderBackend:
    """What the library that the specification names makes of it.

    Raises:
        UserError: The specification does not name an encoder, or asks for what it does not have.
    """
    # Imported when asked for: each brings its own heavy library.
    if spec.spec == VGG16:
        from dgf.pipeline.encoders.vgg import VggBackend

        return VggBackend(spec)
    if spec.fc7:
        raise UserError(f"--encoder {spec.spec}: has no fc7, which is a layer of VGG16", "Leave out --fc7.")
    if spec.spec in PUBLISHED or (spec.kind == "transformers" and spec.model):
        from dgf.pipeline.encoders.transformers_encoder import TransformersBackend

        return TransformersBackend(spec, PUBLISHED.get(spec.spec, spec.model))
    if spec.kind == "timm" and spec.model:
        from dgf.pipeline.encoders.timm_encoder import TimmBackend

        return TimmBackend(spec)
    raise UserError(
        f"--encoder {spec.spec}: no such encoder",
        f"One of {', '.join((VGG16, *PUBLISHED))}, transformers:FOLDER, transformers:NAME (of a hub), timm:NAME",
    )


def describe_photo_encoder(spec: EncoderSpec) -> dict[str, object]:
    """What decides the encoder's output, for a fingerprint. Cheap: files are hashed, nothing is built.

    Raises:
        UserError: The specification does not name an encoder, or its weights cannot be had.
    """
    return find_encoder(spec).describe()


def build_photo_encoder(spec: EncoderSpec, device: str) -> PhotoEncoder:
    """Build the network with its weights on a device (`cpu`, `cuda`, `cuda:1`).

    Raises:
        UserError: The specification does not name an encoder, or its weights cannot be had or do not fit.
    """
    return find_encoder(spec).build(device)
