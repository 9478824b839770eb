# Stands in for docker.io/library/rust, slim: this machine's toolchain.
FROM localhost/debian:bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo \
    PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --from=toolchain bin/cargo bin/rustc bin/rustdoc /usr/local/bin/
COPY --from=toolchain lib /usr/local/lib
CMD ["bash"]
