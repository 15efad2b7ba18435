"""Core's revisions, one file each."""
