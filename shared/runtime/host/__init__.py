"""The process: it opens services, serves their routes and ends in order."""
