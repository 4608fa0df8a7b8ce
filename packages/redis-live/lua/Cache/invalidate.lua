#!lua flags=allow-oom
-- Takes tokens of tags away: what carries them is gone, and so is the lease of a load that was to write them. Nobody knows which
-- those are: who waits for one of them asks again when its time is over.
-- KEYS[1] part     as in read
-- KEYS[2] meta     as in read
-- ARGV[1...] tags  percent-encoded
-- RETURNS {format} of newer data, else {""}
-- COST O(tags)
-- COMMANDS HGET, DEL
local format, keys = redis.call('HGET', KEYS[2], 'format'), {}
if format and format ~= '1' then return { format } end
for i = 1, #ARGV do keys[i] = KEYS[1] .. ':t:' .. ARGV[i] end
for i = 1, #keys, 1000 do redis.call('DEL', unpack(keys, i, math.min(i + 999, #keys))) end
return { '' }
