"""What is owed, what it costs, how it is; the accounts at the providers."""

from __future__ import annotations

from trunkline.client import models
from trunkline.client.operations.common import part
from trunkline.client.wire import Call, Pages


def debts(*, kind: str | None = None, provider: str | None = None) -> Pages[models.Debt]:
    """What is still owed to carriers and Vapi, oldest first."""
    return Pages("/api/debts", models.Debt, {"kind": kind, "provider": provider})


def costs() -> Call[models.Costs]:
    """What the numbers cost a month, by carrier, state and currency."""
    return Call("GET", "/api/costs", models.Costs)


def restaurant_costs() -> Pages[models.RestaurantCostLine]:
    """What each restaurant's number costs."""
    return Pages("/api/costs/restaurants", models.RestaurantCostLine, {})


def diagnose() -> Call[models.Findings]:
    """Whether everything is right, as the server sees it."""
    return Call("GET", "/api/doctor", models.Findings)


def health() -> Call[models.Health]:
    return Call("GET", "/healthz", models.Health)


def accounts() -> Call[models.ProviderAccounts]:
    """Whose keys the settings hold, and whose were accepted."""
    return Call("GET", "/api/accounts", models.ProviderAccounts)


def accept_account(provider: str, *, reason: str | None = None) -> Call[models.ProviderAccount]:
    """Work with the account of the present keys."""
    return Call("POST", f"/api/accounts/{part(provider)}/accept", models.ProviderAccount, {"reason": reason})


def take_over_installation(installation: str) -> Call[models.Installation]:
    return Call("POST", "/api/accounts/take-over", models.Installation, body={"installation": installation})
