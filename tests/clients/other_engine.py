"""DuckDB reads the lake's Delta tables by their logs, without Tributary, and prints totals as JSON."""
import json
import sys

import duckdb
from deltalake import DeltaTable


def total(table, sql):
    files = DeltaTable(f"{sys.argv[1]}/{table}").file_uris()
    source = f"(SELECT * FROM read_parquet({files!r}) WHERE known_until IS NULL)"
    return str(duckdb.sql(sql.format(source=source)).fetchall()[0][0])


print(
    json.dumps(
        {
            "events": total("facts/events", "SELECT count(*) FROM {source} WHERE event = 'page_view'"),
            "orders": total("facts/order_versions", "SELECT sum(total) FROM {source} WHERE NOT test"),
            "claims": total("facts/claims", "SELECT sum(value) FROM {source} WHERE action = 'conversions'"),
        }
    )
)
