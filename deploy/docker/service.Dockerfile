# One service of OpsLoop: docker build -f deploy/docker/service.Dockerfile --build-arg SERVICE=feedback .
FROM python:3.13-slim AS build
ARG SERVICE
RUN pip install --no-cache-dir uv
WORKDIR /src
COPY pyproject.toml requirements.lock ./
COPY libs/common libs/common
COPY services/${SERVICE} services/${SERVICE}
# the lock constrains the versions; uv does not want hashes of our own folders
RUN uv venv /opt/opsloop \
 && uv pip install --no-cache --compile-bytecode --python /opt/opsloop/bin/python \
        --constraint requirements.lock ./libs/common ./services/${SERVICE}

FROM python:3.13-slim
ARG SERVICE
# charts as PNG are painted with the fonts that are here: this one, 2 MB, has Chinese and Latin letters
RUN if [ "$SERVICE" = metrics ]; then \
        apt-get update && apt-get install --yes --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*; \
    fi
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin opsloop
COPY --from=build /opt/opsloop /opt/opsloop
ENV PATH=/opt/opsloop/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPSLOOP_SERVICE=${SERVICE} \
    OPSLOOP_HOST=0.0.0.0 \
    OPSLOOP_PORT=8080
USER 10001
WORKDIR /tmp
EXPOSE 8080
# exec: signals reach Python, which drains for up to 20 s
ENTRYPOINT ["sh", "-c", "exec python -m opsloop_${OPSLOOP_SERVICE} \"$@\"", "opsloop"]
CMD ["serve", "--role", "all"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"OPSLOOP_PORT\"]}/healthz', timeout=4)"]
