# syntax=docker/dockerfile:1
# The page as static files, and the way to both services behind it. From the top of the repository:
#   docker build -f deploy/images/page.Dockerfile -t myevents/page .

FROM docker.io/library/node:22.22-bookworm-slim AS page
WORKDIR /src
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY frontend ./
RUN npm run build

# It listens above 1024 and runs as nobody, on a file system that is read only but for two folders: /tmp, and the one of what
# the base's entry point fills in, which is empty and everybody's so that it can be mounted over whoever runs it.
FROM docker.io/nginxinc/nginx-unprivileged:1.30-alpine
RUN rm /etc/nginx/conf.d/default.conf && chmod 777 /etc/nginx/conf.d
COPY deploy/nginx/myevents.conf.template /etc/nginx/templates/default.conf.template
COPY deploy/nginx/page-headers.conf /etc/nginx/page-headers.conf
COPY --from=page /src/dist /usr/share/nginx/html
ENV LISTEN=8080 \
    PAGE=/usr/share/nginx/html \
    HEADERS=/etc/nginx/page-headers.conf \
    EVENT_SERVICE=eventservice:8181 \
    BOOKING_SERVICE=bookingservice:8282 \
    NGINX_ENVSUBST_OUTPUT_DIR=/etc/nginx/conf.d
EXPOSE 8080
USER 101
HEALTHCHECK --interval=10s --timeout=5s CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/"]
ARG VERSION=dev
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="MyEvents: page" \
    org.opencontainers.image.description="The page as static files, and the way to both services behind it" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.source="$SOURCE"
