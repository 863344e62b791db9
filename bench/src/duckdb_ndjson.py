"""Segment NDJSON -> typed, flat events as zstd Parquet with DuckDB on two threads; prints the seconds."""

import sys
import time

import duckdb

source, target = sys.argv[1:3]
connection = duckdb.connect()
connection.execute("SET threads = 2; SET enable_progress_bar = false; SET preserve_insertion_order = false")
started = time.perf_counter()
connection.execute(f"""
COPY (
  SELECT messageId AS event_id, "timestamp" AS ts, sentAt AS sent_at, anonymousId AS anonymous_id, event AS event_type,
    context.page.url AS url, context.page.path AS path, context.page.referrer AS referrer,
    context.userAgent AS user_agent, CAST(properties.price AS DECIMAL(18, 6)) AS price,
    properties.quantity AS quantity, properties.currency AS currency, properties.product_id AS product_id,
    properties.sku AS sku, properties.name AS name, properties.category AS category, properties.brand AS brand
  FROM read_json('{source}', format = 'newline_delimited', columns = {{
    messageId: 'VARCHAR', "timestamp": 'TIMESTAMP', sentAt: 'TIMESTAMP', anonymousId: 'VARCHAR', event: 'VARCHAR',
    context: 'STRUCT(page STRUCT(url VARCHAR, path VARCHAR, referrer VARCHAR), userAgent VARCHAR)',
    properties: 'STRUCT(price DOUBLE, quantity BIGINT, currency VARCHAR, product_id VARCHAR, sku VARCHAR,
                        "name" VARCHAR, category VARCHAR, brand VARCHAR)'}})
) TO '{target}' (FORMAT parquet, COMPRESSION zstd)
""")
print(time.perf_counter() - started)
