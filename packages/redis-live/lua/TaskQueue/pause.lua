#!lua flags=allow-oom
-- From now on nothing is claimed, or things are claimed again.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- ARGV[2] paused    1: nothing is
-- RETURNS {format} of newer data, else {""}
-- COST O(claimers)
-- COMMANDS TIME, EXISTS, DEL, HMGET, HSET, HDEL, ZRANGE, SPUBLISH
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local key, word = ':leases', 'pause'
if ARGV[2] == '1' then call('HSET', base .. ':meta', 'paused', '1')
else
  call('HDEL', base .. ':meta', 'paused')
  key, word = ':idle', 'work'
end
for _, claimer in ipairs(call('ZRANGE', base .. key, 0, -1)) do
  local isTold = word == 'work' or call('EXISTS', base .. ':claimed:' .. claimer) == 1
  if isTold then call('SPUBLISH', base .. ':' .. claimer, word) end
end
if word == 'work' then call('DEL', base .. ':idle') end
return { '' }
