#!lua flags=allow-oom
-- Takes the token of the part's generation away: all values are gone, and so are all leases. Who waits for one of them asks again
-- when its time is over.
-- Whoever watches the part's keys is told by one that comes and goes: the meta changes with each writing.
-- KEYS[1] part  as in read
-- KEYS[2] meta  as in read
-- RETURNS {format} of newer data, else {""}
-- COST O(1)
-- COMMANDS HGET, HDEL, SET, DEL
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
redis.call('HDEL', KEYS[2], 'generation')
redis.call('SET', KEYS[1] .. ':cleared', 1)
redis.call('DEL', KEYS[1] .. ':cleared')
return { '' }
