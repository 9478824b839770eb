# Stands in for docker.io/library/node, slim: this machine's Node.
FROM localhost/debian:bookworm
COPY --from=node node /usr/local/bin/node
COPY --from=modules npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
CMD ["node"]
