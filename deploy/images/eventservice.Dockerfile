# syntax=docker/dockerfile:1
# The event service. From the top of the repository:
#   docker build -f deploy/images/eventservice.Dockerfile -t myevents/eventservice .

FROM docker.io/library/rust:1.95.0-slim-bookworm AS tools
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ libssl-dev make pkg-config \
    && rm -rf /var/lib/apt/lists/*
RUN cargo install --locked cargo-chef@0.1.78 cargo-auditable@0.7.7
# The last base has glibc, libgcc and OpenSSL, but no zlib: that goes into the program.
ENV LIBZ_SYS_STATIC=1
WORKDIR /src

FROM tools AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

# What the dependencies are built to is a layer of its own, which a change of ours leaves as it is. As far as the images of
# the programs say the same they have it in common, so all three name all three packages: alone, each would be built with
# other features of its dependencies.
FROM tools AS dependencies
COPY --from=plan /src/recipe.json .
RUN cargo chef cook --release --locked --package eventservice --package bookingservice --package myevents \
    --recipe-path recipe.json

# "Auditable": the program names the crates that it is made of, for who looks for known faults.
FROM dependencies AS build
COPY . .
RUN mkdir /data \
    && cargo auditable build --release --locked --package eventservice --package bookingservice --package myevents \
    --bin eventservice --bin bookingservice

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/release/eventservice /usr/local/bin/eventservice
# Where nothing is mounted, what is embedded is kept here; the rest of the file system may be read only.
COPY --from=build --chown=65532:65532 /data /data
ENV MYEVENTS_DATA_DIR=/data \
    MYEVENTS_LISTEN=0.0.0.0:8181 \
    MYEVENTS_LISTEN_TLS=0.0.0.0:9191 \
    MYEVENTS_LISTEN_METRICS=0.0.0.0:9100 \
    MYEVENTS_LOG_FORMAT=json
EXPOSE 8181 9191 9100
VOLUME ["/data"]
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/local/bin/eventservice", "--check-health"]
ENTRYPOINT ["/usr/local/bin/eventservice"]
ARG VERSION=dev
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="MyEvents: event service" \
    org.opencontainers.image.description="Locations, halls and events" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.source="$SOURCE"
