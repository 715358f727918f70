# The shop's image: web, worker, beat and the one-shot set-up run from it.
ARG BASE=python:3.11-slim

FROM ${BASE} AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt

FROM ${BASE}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 \
    DATA_DIR=/data HOST=0.0.0.0 PORT=8000
RUN useradd --create-home --uid 10001 shop && mkdir /data && chown shop: /data
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY . .
RUN PRODUCTION=true SECRET_KEY=for-the-build-alone DATA_DIR=/tmp/build python manage.py collectstatic --noinput --skip-checks \
 && rm -rf /tmp/build && chown -R shop: staticfiles && python -m compileall -q manage.py shop recommender ml feature_repo
USER shop
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://localhost:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
# One container is a whole shop: web server, worker, and without URLs its own PostgreSQL and Redis in /data.
CMD ["python", "manage.py", "serve"]
