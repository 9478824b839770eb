# Stands in for docker.io/library/mongo: the server out of a package of Python's index, the shell out of one of Node's.
FROM localhost/node:stand-in
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 liblzma5 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 999 mongodb \
    && useradd --system --uid 999 --gid mongodb --home-dir /data/db mongodb \
    && install -d -o mongodb -g mongodb /data/db
RUN npm install --global --no-audit --no-fund mongosh@2.12.0
COPY --from=server --chmod=755 mongod /usr/local/bin/mongod
# Where the shell keeps what was typed.
ENV HOME=/tmp
VOLUME ["/data/db"]
EXPOSE 27017
USER mongodb
ENTRYPOINT ["mongod"]
