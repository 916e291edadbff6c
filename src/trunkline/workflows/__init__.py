"""Durable workflows: assign a number, release one, run a batch, work off debts."""
