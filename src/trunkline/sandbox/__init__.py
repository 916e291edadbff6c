"""Stand-alone, stateful local providers that speak the vendors' wire formats and misbehave on request."""
