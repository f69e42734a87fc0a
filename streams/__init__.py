"""How Kafka carries, and how everything is wired.

`chunks` makes a Faust agent that loses nothing and doubles nothing; `stages` says what each agent folds; `app` puts them
together; `intake`, `recorder` and `sinks` connect connectors and projections to the topics; `system` runs it all and
`cli` is what a user types. This is the only room that knows Faust and Kafka.
"""
