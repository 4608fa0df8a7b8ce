#!lua flags=allow-oom
-- Ends the leases of a load, which has nothing to store.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] token    the load's, percent-encoded
-- ARGV[3...] keys  of the values
-- RETURNS {format} of newer data, else {""}
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, DEL, SPUBLISH
-- PARTS ground, tags, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys = { unpack(ARGV, 3) }
learn(find(keys))
for _, key in ipairs(keys) do
  if own(key, ARGV[2]) then drop(key) end
end
settle()
return { '' }
