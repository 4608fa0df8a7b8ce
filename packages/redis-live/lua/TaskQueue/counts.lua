#!lua flags=allow-oom
-- How many tasks are in each state.
-- KEYS[1] queue     as in step
-- KEYS[2] meta      as in step
-- ARGV[1] now       ms since 1970; empty: the server's own clock
-- RETURNS {format} of newer data, else {"", all, sleeping, claimed, dead, paused}
-- COST O(claimers)
-- COMMANDS TIME, HMGET, HLEN, ZCARD, ZRANGE
-- PARTS ground
if not open(KEYS[1], KEYS[2]) then return { m.format } end
local claimed = 0
for _, claimer in ipairs(call('ZRANGE', base .. ':leases', 0, -1)) do
  claimed = claimed + call('HLEN', base .. ':claimed:' .. claimer)
end
local all, sleeping, dead = call('HLEN', base .. ':tasks'), call('ZCARD', base .. ':delayed'), call('ZCARD', base .. ':dead')
return { '', all, sleeping, claimed, dead, m.isPaused and 1 or 0 }
