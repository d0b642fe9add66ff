# dgf, installed from its wheel:
#
#     docker build --tag dgf .                                # for the CPU
#     docker build --tag dgf:cuda --build-arg DEVICE=cuda .   # for GPUs (docker run --gpus all ...)
#     docker run --rm --user "$(id -u)" --env HOME=/work --volume "$PWD:/work" dgf validate posts.jsonl
#
# There is no detectron2 in it: objects are found by torchvision's detector.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY . .
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
# cpu, or cuda: PyPI's torch, which brings its own CUDA libraries
ARG DEVICE=cpu
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt /tmp/constraints.txt
RUN case "$DEVICE" in \
        cpu) index="--extra-index-url https://download.pytorch.org/whl/cpu" ;; \
        cuda) index="" ;; \
        *) echo "DEVICE is cpu or cuda, not $DEVICE" >&2; exit 1 ;; \
    esac \
    && python -m pip install --constraint /tmp/constraints.txt $index torch torchvision
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    python -m pip install --constraint /tmp/constraints.txt "$(echo /wheels/*.whl)[serve]" \
    && dgf --version
RUN useradd --create-home --uid 1000 dgf && install --directory --owner dgf /work
USER dgf
WORKDIR /work
ENTRYPOINT ["dgf"]
CMD ["--help"]
