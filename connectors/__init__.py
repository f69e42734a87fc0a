"""How each platform talks.

A platform is one folder: `mapping` (pure), `client`, `sink`, `sandbox` and `fixtures`. It yields claims and accepts
quantities; it never sees Kafka or PostgreSQL. `registry` lists the platforms.
"""
