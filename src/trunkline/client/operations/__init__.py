"""Every operation of the API, once, as the request that it is, by its noun; the clients send them."""
