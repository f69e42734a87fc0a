"""What PostgreSQL remembers, and how to ask it.

The recorder takes batches in, each with the consumed offset in the same transaction; queries, explain and the HTTP API
read. Everything here can be deleted and recorded again from the log, but for the vault: what it holds is in no log.
"""
