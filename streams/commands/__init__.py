"""The commands of `onhand`, by what they are for; `streams.cli` names them."""
