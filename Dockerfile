# failing-exchange as a container; the page and the metrics are at the second port:
#   docker build -t failing-exchange .
#   docker run --rm -p 127.0.0.1:8080:8080 -p 127.0.0.1:8090:8090 failing-exchange \
#     serve binance --page --control-token choose-one
# Each option of `serve` is an environment variable, too: FAILING_EXCHANGE_PORT for --port.

FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/venv
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN PIP_CONSTRAINT=constraints.txt pip --python /opt/venv/bin/python install --no-cache-dir \
    '.[metrics,otel,uvloop]'

FROM build AS build-trader
RUN PIP_CONSTRAINT=constraints.txt pip --python /opt/venv/bin/python install --no-cache-dir \
    '.[ccxt]'

FROM build-trader AS build-tests
RUN PIP_CONSTRAINT=constraints.txt pip --python /opt/venv/bin/python install --no-cache-dir \
    'pytest>=9,<10' 'hypothesis>=6.100'

# The image that is meant without --target is the last one of this file.
FROM python:3.12-slim AS base
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin venue \
 && install --directory --owner=venue --group=venue /data /work
ENV PATH=/opt/venv/bin:$PATH \
    FAILING_EXCHANGE_HOST=0.0.0.0 \
    FAILING_EXCHANGE_PORT=8080 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /data
USER venue
STOPSIGNAL SIGTERM
ENTRYPOINT ["failing-exchange"]

FROM base AS trader
COPY --from=build-trader /opt/venv /opt/venv
CMD ["trade"]

FROM base AS test-runner
WORKDIR /work
COPY --from=build-tests /opt/venv /opt/venv
COPY pyproject.toml ./
COPY tests ./tests
ENTRYPOINT []
CMD ["pytest", "-p", "no:cacheprovider", "tests/integration/test_exchange_failures.py"]

FROM base AS venue
COPY --from=build /opt/venv /opt/venv
COPY deploy/healthcheck.py /opt/healthcheck.py
EXPOSE 8080 8090
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=6 \
  CMD ["python", "/opt/healthcheck.py"]
CMD ["serve", "binance"]
