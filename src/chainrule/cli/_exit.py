"""The exit statuses of the command line, besides 0 for success."""

USAGE = 2
WRONG_DATA = 3
DIVERGED = 4
INTERRUPTED = 130  # what shells report for a program ended by Ctrl-C
