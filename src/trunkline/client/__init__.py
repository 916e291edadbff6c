"""A typed client of the API, sync and async.

    with Trunkline("http://localhost:8000", secret) as trunkline:
        roma = trunkline.create_restaurant("Roma", area_code="415")
        print(roma.phone_number)
        for restaurant in trunkline.restaurants(has_number=False):
            ...

`AsyncTrunkline` has the same methods: await those that answer one thing, `async for` over those that answer many.
"""

from trunkline.client.async_client import AsyncTrunkline
from trunkline.client.client import Trunkline
from trunkline.client.wire import DEFAULT_URL, ApiError, ServerUnreachable, TrunklineClientError

__all__ = ["DEFAULT_URL", "ApiError", "AsyncTrunkline", "ServerUnreachable", "Trunkline", "TrunklineClientError"]
