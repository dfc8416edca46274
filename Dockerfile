# The runtime is the one pinned in package-lock.json; this image's own Node only installs it.
FROM node:24-bookworm-slim AS build
WORKDIR /opt/namestead
COPY . .
RUN node bin/build.mjs && npm prune --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
WORKDIR /opt/namestead
COPY --from=build /opt/namestead/package.json /opt/namestead/package-lock.json ./
COPY --from=build /opt/namestead/bin bin
COPY --from=build /opt/namestead/dist dist
COPY --from=build /opt/namestead/config/namestead.schema.json config/
COPY --from=build /opt/namestead/node_modules node_modules
WORKDIR /
RUN useradd --system namestead \
 && ln -s /opt/namestead/bin/namestead.mjs /usr/local/bin/namestead
# The configuration, and beside it what the daemon keeps.
VOLUME /etc/namestead
# DNS, DNS over TLS, ACME/API, CRL/OCSP, metrics
EXPOSE 53/udp 53/tcp 853/tcp 443/tcp 80/tcp 9153/tcp
# Starts as root to bind ports below 1024; the config's `user: namestead` gives root up after binding.
ENTRYPOINT ["namestead"]
CMD ["serve", "--config", "/etc/namestead/namestead.yaml"]
