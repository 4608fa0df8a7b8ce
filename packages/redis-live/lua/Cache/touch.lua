#!lua flags=allow-oom
-- Has a value live so long from now, and from each reading on where it is sliding; not at all: removes it.
-- KEYS[1] part  as in read
-- KEYS[2] meta  as in read
-- ARGV[1] now   ms since 1970; empty: the server's own clock
-- ARGV[2] key   of the value
-- ARGV[3] ttl   ms
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where it is not there
-- COST O(tags)
-- COMMANDS TIME, HMGET, MGET, GETRANGE, SET, SETRANGE, PEXPIREAT, PERSIST, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, prolong, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key, ttl = ARGV[2], tonumber(ARGV[3])
local value = heads({ key })[1]
learn({ tagsOf(value) })
local left = kept(value)
local isThere = left and left > 0
if ttl <= 0 then
  find({ key })
  call('DEL', base .. ':v:' .. key)
  drop(key)
  settle()
elseif isThere then
  if tonumber(sub(value, 50, 65)) > 0 then call('SETRANGE', base .. ':v:' .. key, 49, pad(ttl)) end
  prolong(key, value, ttl)
end
return { '', isThere and 1 or 0 }
