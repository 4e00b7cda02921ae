"""Where units of work run: here, in threads, in processes, or on a cluster.

A unit is a pure function of a context and its own name, so that it does not matter where, in which
order or how often it runs. Units come back as they end; who called stores them and puts them in
order. A worker that dies loses the unit it had, which is handed out again.
"""
