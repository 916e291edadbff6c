"""Tools for assistants (Model Context Protocol), over the client of our API: they may what the caller's key may."""
