"""The console: web pages over the same services as the API; per noun a file of views and its templates."""
