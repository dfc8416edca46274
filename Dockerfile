# The runtime is the one pinned in package-lock.json; this image's own Node only installs it.
FROM node:24-bookworm-slim AS install
WORKDIR /opt/namestead
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts
COPY . .

FROM node:24-bookworm-slim
COPY --from=install /opt/namestead /opt/namestead
RUN useradd --system namestead \
 && ln -s /opt/namestead/bin/namestead.mjs /usr/local/bin/namestead
# The configuration, and beside it what the daemon keeps.
VOLUME /etc/namestead
# DNS, DNS over TLS, ACME/API, CRL/OCSP, metrics
EXPOSE 53/udp 53/tcp 853/tcp 443/tcp 80/tcp 9153/tcp
# Starts as root to bind ports below 1024; the config's `user: namestead` gives root up after binding.
ENTRYPOINT ["namestead"]
CMD ["serve", "--config", "/etc/namestead/namestead.yaml"]
