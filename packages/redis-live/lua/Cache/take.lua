#!lua flags=allow-oom
-- Reads and removes a value; a load that is under way may store no more.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] key      of the value
-- ARGV[3] version  any; or what is there is taken only if it is of that one, empty: if nothing is there
-- RETURNS {format} of newer data, else {"", now, value or false}
-- COST O(tags)
-- COMMANDS TIME, HMGET, MGET, DEL, SPUBLISH
-- PARTS ground, tags, value, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key = ARGV[2]
local value = fetch(':v:', { key })[1]
find({ key })
learn({ tagsOf(value) })
local left = kept(value)
local version = left and left > 0 and sub(value, 18, 33) or ''
if ARGV[3] ~= 'any' and ARGV[3] ~= version then return { '', int(now), false } end
if value then call('DEL', base .. ':v:' .. key) end
drop(key)
settle()
return { '', int(now), left and left > 0 and value }
