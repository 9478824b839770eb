# Stands in for docker.io/library/rabbitmq: Debian's server.
FROM localhost/debian:bookworm
RUN apt-get update \
    && apt-get install -y --no-install-recommends rabbitmq-server \
    && rm -rf /var/lib/apt/lists/* /var/lib/rabbitmq/.erlang.cookie
ENV HOME=/var/lib/rabbitmq \
    LANG=C.UTF-8 \
    RABBITMQ_LOGS=-
VOLUME ["/var/lib/rabbitmq"]
EXPOSE 5672
USER rabbitmq
CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
