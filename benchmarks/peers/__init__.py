"""The same work in other libraries, in the environment that `make bench-peers` makes for them."""
