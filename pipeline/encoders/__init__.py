"""Encoders of whole photos: one protocol, one builder, a file a kind; and ResNet-50's pyramids for HVPNeT."""

from dgf.pipeline.encoders.base import DEFAULT, VGG16, Blocks, EncoderSpec, PhotoEncoder
from dgf.pipeline.encoders.builder import PUBLISHED, build_photo_encoder, describe_photo_encoder, find_encoder

__all__ = [
    "DEFAULT",
    "PUBLISHED",
    "VGG16",
    "Blocks",
    "EncoderSpec",
    "PhotoEncoder",
    "build_photo_encoder",
    "describe_photo_encoder",
    "find_encoder",
    "resnet",
    "vgg",
]
