#!lua
-- Writes what was loaded and ends the load's leases, each where it is still the load's.
-- KEYS[1] part        as in read
-- KEYS[2] meta        as in read
-- ARGV[1] now         ms since 1970; empty: the server's own clock
-- ARGV[2] fresh       as in write
-- ARGV[3] token       the load's, percent-encoded
-- ARGV[4...] entries  as in write
-- RETURNS {format} of newer data, else {"", 1 or 0, ...}: was it stored?
-- COST O(entries + tags)
-- COMMANDS TIME, HMGET, HSET, MGET, SET, DEL, SPUBLISH
-- PARTS ground, tags, lasting, tokens, put, lease
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local keys, tags, reply = {}, {}, { '' }
for i = 4, #ARGV, 3 do keys[#keys + 1], tags[#tags + 1] = ARGV[i], tagsIn(ARGV[i + 1]) end
learn(find(keys))
learn(tags)
for i = 4, #ARGV, 3 do
  local isOwn = own(ARGV[i], ARGV[3])
  if isOwn then
    put(ARGV[i], ARGV[i + 1], ARGV[i + 2])
    drop(ARGV[i])
  end
  reply[#reply + 1] = isOwn and 1 or 0
end
close()
settle()
return reply
