"""The `dgf` command: parse, call one workflow function, print."""
