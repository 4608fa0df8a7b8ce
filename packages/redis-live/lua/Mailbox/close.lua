#!lua flags=allow-oom
-- Throws a box away.
-- KEYS[1] letters  as in deliver
-- KEYS[2] meta     as in deliver
-- RETURNS {format} of newer data, else {""}
-- COST O(letters)
-- COMMANDS HGET, DEL
local format = redis.call('HGET', KEYS[2], 'format')
if format and format ~= '1' then return { format } end
redis.call('DEL', KEYS[1], KEYS[2])
return { '' }
