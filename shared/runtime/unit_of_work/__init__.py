"""One transaction of one service: what a handler reads, writes and says, written in one statement."""
