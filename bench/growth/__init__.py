"""What grows with what is stored: `make grow` fills a platform to a size and measures each way of reading it.

`market` makes one real life of each kind through the services, `template` keeps what they wrote, `filler` multiplies
it, `ways` finds every list, filter, job, gauge, audit and command, and `meter` counts the buffers each of them reads.
"""
