# Stands in for docker.io/nginxinc/nginx-unprivileged: Debian's nginx, set up as that image is.
FROM localhost/debian:bookworm
RUN groupadd --system --gid 101 nginx \
    && useradd --system --uid 101 --gid nginx --no-create-home --shell /bin/false nginx \
    && apt-get update \
    && apt-get install -y --no-install-recommends curl gettext-base nginx-light \
    && rm -rf /var/lib/apt/lists/* /usr/share/nginx/html/*
COPY nginx.conf /etc/nginx/nginx.conf
COPY --chmod=755 nginx-entrypoint.sh /docker-entrypoint.sh
RUN touch /etc/nginx/conf.d/default.conf && chown -R nginx:root /etc/nginx
EXPOSE 8080
STOPSIGNAL SIGQUIT
USER 101
ENTRYPOINT ["/docker-entrypoint.sh"]
CMD ["nginx", "-g", "daemon off;"]
