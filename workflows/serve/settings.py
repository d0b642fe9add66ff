"""What `dgf serve` can be asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Interval
from typing_extensions import Doc

from dgf.workflows.settings import Device, Placeholder, Positional, RowsAtOnce, Spelled


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """What `dgf serve` can be asked."""

    run: Annotated[Path, Positional("RUN")]
    host: Annotated[
        str, Doc("Address to listen at. Whoever reaches another than this one can ask: there is no password.")
    ] = "127.0.0.1"
    port: Annotated[int, Interval(ge=0, le=65535), Doc("Port to listen at; 0 for one that is free.")] = 8000
    allowed_hosts: Annotated[
        tuple[str, ...],
        Spelled("--allow-host"),
        Placeholder("NAME"),
        Doc("A further name that requests may call this server by; again for each.  [default: any beyond loopback]"),
    ] = ()
    photos: Annotated[
        Path | None, Doc("Folder whose photos posts may name; none is read from the disk without it.")
    ] = None
    text_only: Annotated[bool, Doc("Take no photos, and load none of the networks for them.")] = False
    top: Annotated[int, Ge(1), Doc("Relations listed with their probability in each answer.")] = 3
    max_body: Annotated[int, Ge(1), Doc("Most MiB of a request; sixteen times as many of all at once.")] = 16
    max_posts: Annotated[int, Ge(1), Doc("Most posts of a request.")] = 256
    max_waiting: Annotated[int, Ge(1), Doc("Most posts that wait; more are told to come again (503).")] = 1024
    timeout: Annotated[int, Ge(1), Doc("Most seconds that a request takes to come, and again to be answered.")] = 60
    weights: Annotated[str | None, Doc("Of the detector, where not as for the run's features.")] = None
    vgg_weights: Annotated[str | None, Doc("Of VGG16, likewise.")] = None
    encoder_weights: Annotated[
        str | None, Doc("Of another encoder, likewise: the folder of its checkpoint, or timm's file.")
    ] = None
    resnet_weights: Annotated[str | None, Doc("Of ResNet-50, likewise.")] = None
    oscar: Annotated[str | None, Placeholder("DIR"), Doc("Oscar's or the other captioner's folder, likewise.")] = None
    batch_size: RowsAtOnce = 64
    device: Device = "auto"
