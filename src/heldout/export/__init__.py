"""A fitted model as a folder that needs neither this package nor any trust in a pickle."""

from heldout.export.bundle import predict_file, write_bundle

__all__ = ["predict_file", "write_bundle"]
