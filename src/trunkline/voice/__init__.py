"""The voice platform: numbers are imported there and connected to the shared assistant."""
