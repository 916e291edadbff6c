FROM python:3.11-slim AS build

WORKDIR /build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements-build.lock requirements.lock ./
RUN python -m venv tools && tools/bin/pip install --require-hashes -r requirements-build.lock \
  && python -m venv --without-pip /opt/trunkline \
  && tools/bin/pip --python /opt/trunkline/bin/python install --require-hashes --no-deps -r requirements.lock

COPY pyproject.toml MANIFEST.in README.md LICENSE ./
COPY scripts scripts
COPY src src
RUN tools/bin/python scripts/dist.py dist \
  && tools/bin/pip --python /opt/trunkline/bin/python install --no-deps dist/*.whl

FROM python:3.11-slim

ARG VERSION=unreleased REVISION=unknown
LABEL org.opencontainers.image.title="Trunkline" \
  org.opencontainers.image.description="Gives every restaurant on a multi-tenant Vapi voice assistant its own phone number" \
  org.opencontainers.image.licenses="MIT AND Apache-2.0 AND 0BSD" \
  org.opencontainers.image.version="$VERSION" \
  org.opencontainers.image.revision="$REVISION"

WORKDIR /app
ENV PATH=/opt/trunkline/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DATABASE_URL=sqlite:////data/trunkline.sqlite
RUN useradd --system --uid 10001 --no-create-home trunkline && install -d -o trunkline /data
COPY --from=build /opt/trunkline /opt/trunkline
COPY scripts scripts

USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["trunkline", "serve", "--host", "0.0.0.0"]
