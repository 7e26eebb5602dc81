# One image, one container, one volume: everything lives in /data.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache \
    python -m venv /app/.uv && /app/.uv/bin/pip install --disable-pip-version-check --quiet uv==0.13.9 \
    && /app/.uv/bin/uv venv --quiet --python "$(command -v python)" /app/.venv \
    && /app/.uv/bin/uv pip install --quiet --python /app/.venv --compile-bytecode --link-mode copy -r requirements.txt \
    && rm -rf /app/.uv
COPY CHANGELOG.md rxconfig.py alembic.ini ./
COPY alembic alembic
COPY assets assets
COPY reflex.lock reflex.lock
COPY starkmatter starkmatter
COPY deploy/starkmatter .venv/bin/starkmatter
# Nothing is written into the image at run time: without this every start would compile seven hundred modules anew.
RUN /app/.venv/bin/python -m compileall -q --invalidation-mode unchecked-hash starkmatter rxconfig.py \
    && /app/.venv/bin/starkmatter frontend && rm -rf /app/build/frontend/work

FROM python:3.13-slim
LABEL org.opencontainers.image.title="StarkMatter" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home starkmatter && mkdir -m 700 /data && chown 10001:10001 /data
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    STARKMATTER_HOME=/data \
    STARKMATTER_HOST=0.0.0.0 \
    STARKMATTER_PORT=3000 \
    STARKMATTER_PUBLIC_URL=http://localhost:3000
USER 10001
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["starkmatter", "healthy"]
CMD ["starkmatter", "run"]
