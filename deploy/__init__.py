"""How it runs.

`engines` starts a real Kafka and a real PostgreSQL on loopback, owned by the process that started them; the other files
are for those who run their own.
"""
