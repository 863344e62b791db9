# The one binary, built in release, run as a user without rights.
FROM rust:1.95.0-bookworm AS build
# The image's own toolchain, so that rustup fetches no components for rust-toolchain.toml.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin tributary

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --user-group --home-dir /data --create-home tributary
COPY --from=build /src/target/release/tributary /usr/local/bin/tributary
COPY --chown=root:tributary config /etc/tributary
USER tributary
ENV TRIBUTARY__SERVER__LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
# Ctrl-C: doors close, what is under way ends. A harder stop loses nothing, it only leaves work to the next start.
STOPSIGNAL SIGINT
ENTRYPOINT ["/usr/local/bin/tributary", "--data", "/data", "--config", "/etc/tributary"]
CMD ["serve"]
