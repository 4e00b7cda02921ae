"""heldout."""
