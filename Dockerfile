# The six stages on a CPU. Linted; not built here. Build where the repository is, then run:
#   docker build -t ganc .
#   docker run --rm ganc                                      # the demo
#   docker run --rm -v "$PWD/horses:/data" ganc ganc data check /data
FROM python:3.11-slim-bookworm

# libgomp is what Paddle and OpenVINO's threads need beyond the slim image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 make \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 ganc

WORKDIR /home/ganc/ganc
RUN chown ganc:ganc .
USER 1000
COPY --chown=ganc:ganc . .

# An index of your own: --build-arg PIP_INDEX_URL=…
ARG PIP_INDEX_URL
RUN make setup

ENV PATH=/home/ganc/ganc/.venv/bin:$PATH
CMD ["make", "demo"]
