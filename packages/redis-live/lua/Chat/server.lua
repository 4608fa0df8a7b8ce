#!lua flags=allow-oom
-- Names the server that has a room, whether or not there is one, and in whatever format: others of its rooms may be of this.
-- KEYS[1] room  as in create
-- KEYS[2] meta  as in create
-- ARGV[1] now    ms since 1970; empty: the server's own clock
-- ARGV[2] run    the server's run id; empty: the server is asked
-- ARGV[3] fresh  name of an epoch, should one begin
-- RETURNS {"", run}
-- COST O(1)
-- COMMANDS INFO, TIME, HMGET, HSET
-- PARTS ground
open(KEYS[1], KEYS[2])
return { '', run }
