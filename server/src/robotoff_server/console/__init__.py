"""The start page: plain HTML, CSS and ES modules in this folder, and the few endpoints that only it needs."""
