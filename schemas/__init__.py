"""What the words mean.

What a platform says is a *claim*; what Onhand concludes from all claims of one transaction is a set of *movements*;
movements fold into *stock*; stock and rules give the *quantity* a channel may sell. Everything in this room is a pure
function over frozen values: no clock, no I/O, nothing of ours imported.
"""
