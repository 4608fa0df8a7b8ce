#!lua flags=allow-oom
-- Prolongs the leases of a load.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1] now      ms since 1970; empty: the server's own clock
-- ARGV[2] token    the load's, percent-encoded
-- ARGV[3] lease    ms
-- ARGV[4...] keys  of the values
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: is it still the load's?
-- COST O(keys + tags)
-- COMMANDS TIME, HMGET, MGET, SET, DEL, SPUBLISH
-- PARTS ground, tags, lasting, lease, hold
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, reply = { unpack(ARGV, 4) }, { '' }
learn(find(keys))
for i, key in ipairs(keys) do
  local isOwn = own(key, ARGV[2])
  if isOwn then prolongLease(key, math.min(now + ARGV[3], forever)) end
  reply[i + 1] = isOwn and 1 or 0
end
settle()
return reply
