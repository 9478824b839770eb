# Stands in for gcr.io/distroless/cc-debian12:nonroot: the same packages and nothing else, so that a program that needs
# another library, or a shell, fails here as it would there.
FROM localhost/debian:bookworm AS packages
WORKDIR /packages
RUN apt-get update \
    && apt-get download base-files ca-certificates gcc-12-base libc6 libgcc-s1 libgomp1 libssl3 libstdc++6 netbase tzdata
RUN mkdir -p /image/etc/ssl/certs /image/home/nonroot /image/tmp /image/var/lib/dpkg/status.d \
    && for package in *.deb; do \
        dpkg-deb --extract "$package" /image; \
        dpkg-deb --field "$package" > "/image/var/lib/dpkg/status.d/${package%%_*}"; \
    done \
    && cat /image/usr/share/ca-certificates/mozilla/*.crt > /image/etc/ssl/certs/ca-certificates.crt \
    && echo 'root:x:0:0:root:/root:/sbin/nologin' > /image/etc/passwd \
    && echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >> /image/etc/passwd \
    && printf 'root:x:0:\nnonroot:x:65532:\n' > /image/etc/group \
    && chown 65532:65532 /image/home/nonroot \
    && chmod 1777 /image/tmp

FROM scratch
COPY --from=packages /image/ /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /home/nonroot
USER 65532
