"""The routes of the HTTP server: predict, Open Inference Protocol, pages."""
