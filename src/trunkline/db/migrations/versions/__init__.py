"""The changes in their order; a released one is never edited."""
