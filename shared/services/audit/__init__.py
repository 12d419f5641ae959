"""Who did what: the chains of records that it is written in, and the trail that is read."""
