# failing-exchange as a container: docker build -t failing-exchange . && docker run -p 8080:8080 failing-exchange
FROM python:3.12-slim AS venue
WORKDIR /srv
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN PIP_CONSTRAINT=constraints.txt pip install --no-cache-dir '.[ccxt,uvloop]' \
 && useradd --create-home --shell /usr/sbin/nologin venue
USER venue
ENV FAILING_EXCHANGE_HOST=0.0.0.0 \
    FAILING_EXCHANGE_PORT=8080 \
    PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=6 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/api/v3/time', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["failing-exchange"]
CMD ["serve", "binance"]

FROM venue AS test-runner
USER root
RUN PIP_CONSTRAINT=constraints.txt pip install --no-cache-dir 'pytest>=9,<10' 'hypothesis>=6.100'
COPY tests ./tests
USER venue
HEALTHCHECK NONE
ENTRYPOINT []
CMD ["pytest", "tests/integration/test_exchange_failures.py"]
