FROM python:3.11-slim

WORKDIR /app
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 DATABASE_URL=sqlite:////data/trunkline.sqlite

COPY requirements-build.lock requirements.lock ./
RUN pip install --require-hashes -r requirements-build.lock && pip install --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-deps --no-build-isolation .
COPY scripts scripts

RUN useradd --system trunkline && install -d -o trunkline /data
USER trunkline
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["trunkline", "serve", "--host", "0.0.0.0"]
