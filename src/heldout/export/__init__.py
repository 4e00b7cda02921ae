"""A fitted model as a folder that needs neither this package nor any trust in a pickle."""
