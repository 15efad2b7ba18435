"""Plugins: manifest, discovery, enabling, typed settings, registry and the record of every plugin's state."""
