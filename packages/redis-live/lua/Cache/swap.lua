#!lua
-- Writes or removes a value if what is there is still of the version that was read.
-- KEYS[1] part       as in read
-- KEYS[2] meta       as in read
-- ARGV[1] now        ms since 1970; empty: the server's own clock
-- ARGV[2] fresh      as in write
-- ARGV[3] key        of the value
-- ARGV[4] version    empty: if nothing is there
-- ARGV[5...] entry   nothing: remove; else as in write
-- RETURNS {format} of newer data, else {"", 1}, or {"", 0} where nothing was changed
-- COST O(tags)
-- COMMANDS TIME, HMGET, HSET, MGET, GETRANGE, SET, DEL, SPUBLISH
-- PARTS ground, tags, value, heads, lasting, tokens, put, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key = ARGV[3]
local value = heads({ key })[1]
learn({ tagsOf(value), ARGV[6] and tagsIn(ARGV[6]) })
local left = kept(value)
local version = left and left > 0 and sub(value, 18, 33) or ''
if version ~= ARGV[4] then return { '', 0 } end
find({ key })
if ARGV[5] then put(ARGV[5], ARGV[6], ARGV[7]) else call('DEL', base .. ':v:' .. key) end
drop(key)
close()
settle()
return { '', 1 }
