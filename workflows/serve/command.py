"""`dgf serve`: a run, loaded and tried, behind a port."""

import logging
import socket
from contextlib import suppress

from dgf.pipeline.errors import UserError
from dgf.workflows.predict.loaded_run import LoadedRun, load_run
from dgf.workflows.predict.networks import WeightPlaces
from dgf.workflows.serve.answers import answer_with, try_run
from dgf.workflows.serve.batches import AnswerQueue
from dgf.workflows.serve.bodies import BodyLimits
from dgf.workflows.serve.callers import known_hosts, name_of_host
from dgf.workflows.serve.page import make_try_page
from dgf.workflows.serve.post_requests import PostRules
from dgf.workflows.serve.settings import ServeSettings
from dgf.workflows.training.signals import noting_sigterm

_CONNECTIONS = 1000
"""Most at once; further ones are told to come again."""

_IDLE_SECONDS = 30
"""How long a connection is kept on which nothing is asked."""

_SHUTDOWN_SECONDS = 5
"""How long requests may take to be answered at the end, beyond what they may take anyway."""

_log = logging.getLogger(__name__)


def serve_run(settings: ServeSettings) -> None:
    """Answer posts over HTTP until SIGTERM or Ctrl-C; requests that are under way then are answered first.

    Raises:
        UserError: The extra is not installed, the run cannot answer, or the address cannot be listened at.
    """
    try:
        import python_multipart  # noqa: F401  (which reads forms)
        import uvicorn

        from dgf.workflows.serve.app import Service, build_app
    except ImportError as error:
        raise UserError(f"dgf serve: {error.name} is not installed", "pip install 'dgf[serve]'") from None
    _check(settings)
    with _bind(settings) as listener:
        seen_by = (settings.weights, settings.vgg_weights, settings.resnet_weights, settings.oscar)
        places = WeightPlaces(*seen_by, settings.encoder_weights)
        model = load_run(settings.run, settings.device, places=places)
        rules = PostRules(settings.max_posts, settings.photos, _refuse_photos(model, settings))
        limits = BodyLimits(settings.max_body << 20, settings.timeout)
        answer = answer_with(model, settings.batch_size, settings.photos, settings.top)
        address, port = listener.getsockname()[:2]
        service = Service(
            AnswerQueue(answer, settings.batch_size, settings.max_waiting),
            rules,
            limits,
            make_try_page(settings.run.absolute().name, most_bytes=limits.size, no_photos=rules.no_photos),
            known_hosts(address, settings.host, settings.allowed_hosts),
        )
        config = uvicorn.Config(
            build_app(service),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_CONNECTIONS,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=2 * settings.timeout + _SHUTDOWN_SECONDS,
        )
        for name in ("uvicorn", "python_multipart"):  # what they log is what strangers send; own faults the app tells
            logging.getLogger(name).addHandler(logging.NullHandler())
        listener.listen(config.backlog)
        if service.hosts is None:
            _log.warning("warning: whoever reaches this machine can ask: there is no password, and any --allow-host")
        shown = f"[{address}]" if ":" in address else address
        _log.info("serving %s at http://%s:%d (Ctrl-C ends it)", settings.run, shown, port)
        with noting_sigterm(), suppress(KeyboardInterrupt):  # uvicorn raises again what it ended by
            uvicorn.Server(config).run([listener])
    _log.info("ended: every request that had come was answered")


def _check(settings: ServeSettings) -> None:
    if settings.max_posts > settings.max_waiting:
        told = f"--max-posts {settings.max_posts}: more than --max-waiting {settings.max_waiting}, so that none fits"
        raise UserError(told, "Give a smaller --max-posts or a larger --max-waiting.")
    for name in settings.allowed_hosts:
        name_of_host(name)
    if settings.photos is not None and not settings.photos.is_dir():
        raise UserError(f"--photos {settings.photos}: there is no such folder", "Name the folder of the photos.")


def _bind(settings: ServeSettings) -> socket.socket:
    """Take the address, before the run is loaded; nobody is listened to yet.

    Raises:
        UserError: It cannot be had.
    """
    try:
        family, *_, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
        except OSError:
            listener.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        told = f"--host {settings.host} --port {settings.port}: {reason}"
        raise UserError(told, "Name an address of this machine, and a --port that is free (0 finds one).") from None
    return listener


def _refuse_photos(model: LoadedRun, settings: ServeSettings) -> str | None:
    """Try the run, and tell why posts may have no photo; None where they may."""
    reason = try_run(model, photo=not settings.text_only)
    if settings.text_only:
        return "this server takes no photos: leave out image"
    if reason is None:
        return None
    _log.info("posts with photos are refused: %s", reason)
    return "this run reads no photos: leave out image"
