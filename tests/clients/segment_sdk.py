"""Segment's own Python SDK, with only its host and write key changed, sends track, identify and page."""
import datetime
import sys

import segment.analytics as analytics

analytics.write_key = "wk_demo_eu"
analytics.host = sys.argv[1]
analytics.gzip = sys.argv[2] == "gzip"
analytics.max_retries = 3
errors = []
analytics.on_error = lambda error, items: errors.append(str(error))

at = datetime.datetime(2026, 1, 5, 10, 11, 12, 345000, tzinfo=datetime.timezone.utc)
analytics.identify("u_sdk", {"email": "sdk@example.com", "plan": "gold"}, anonymous_id="a_sdk", timestamp=at)
analytics.page("u_sdk", "Docs", "Mug", {"url": "https://shop.example/p/mug"}, anonymous_id="a_sdk", timestamp=at)
analytics.track(
    "u_sdk",
    "Order Completed",
    {"order_id": "sdk-1", "total": 85.00, "currency": "EUR", "products": [{"product_id": "p1", "quantity": 2}]},
    anonymous_id="a_sdk",
    timestamp=at,
)
analytics.flush()
analytics.shutdown()
if errors:
    sys.exit(f"the SDK reports {errors}")
