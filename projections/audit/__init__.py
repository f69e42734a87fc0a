"""The audit export: the journal and what follows from it, as files that prove themselves on another machine.

`shapes` says what the files hold, `export` writes them from one snapshot of PostgreSQL, `manifest` and `signing` say what was
written and by whom, and `checking` needs nothing but the files.
"""
