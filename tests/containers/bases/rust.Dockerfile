# A stand-in for the official Rust image.
FROM byway-stand-in/debian:local
LABEL org.byway.stand-in="rust"
COPY toolchain /usr/local
COPY vendor /usr/share/cargo-vendor
ENV PATH=/usr/local/bin:/usr/bin:/bin
