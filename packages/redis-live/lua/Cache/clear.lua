#!lua flags=allow-oom
-- Takes the token of the part's generation away: all values are gone, and so are all leases. Who waits for one of them asks again
-- when its time is over.
-- KEYS[1] meta  of the part
-- RETURNS {format} of newer data, else {""}
-- COST O(1)
-- COMMANDS HGET, HDEL
local format = redis.call('HGET', KEYS[1], 'format')
if format and format ~= '1' then return { format } end
redis.call('HDEL', KEYS[1], 'generation')
return { '' }
